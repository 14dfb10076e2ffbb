"""One decorator for functions, coroutines and generators; what they return and raise is unchanged.

A generator's span lasts from its first step to its end.

You will see:

    3 textures found
    baked 3 maps
    frames: [1001, 1002, 1003]
"""

import asyncio
from collections.abc import Iterator

import clientobs

clientobs.init("traced-functions", version="1.0.0")


@clientobs.traced
def find_textures(folder: str) -> list[str]:
    return [f"{folder}/{name}.exr" for name in ("diffuse", "bump", "spec")]


@clientobs.traced("bake", renderer="karma")
async def bake(textures: list[str]) -> int:
    await asyncio.sleep(0)
    return len(textures)


@clientobs.traced
def frames(first: int, last: int) -> Iterator[int]:
    yield from range(first, last + 1)


found = find_textures("/mnt/show/textures")
print(f"{len(found)} textures found")
print(f"baked {asyncio.run(bake(found))} maps")
print("frames:", list(frames(1001, 1003)))
