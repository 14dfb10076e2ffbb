"""Which shot was it for? The production context is on every span and event inside it.

Contexts nest, and the inner value wins; `set_context` holds for the rest of the process, as when an artist
opens another scene.

You will see:

    publish: production.project=comet
    layer bg: production.project=comet production.sequence=sq010 production.shot=sh0040
    layer char: production.project=comet production.sequence=sq010 production.shot=sh0050
"""

import json
import subprocess
import sys

import clientobs

clientobs.init("layer-publisher", version="1.0.0")
clientobs.set_context(project="comet")

with clientobs.span("publish"), clientobs.context(sequence="sq010", shot="sh0040"):
    with clientobs.span("layer bg"):
        pass
    with clientobs.context(shot="sh0050"), clientobs.span("layer char"):
        pass

clientobs.shutdown()
told = subprocess.check_output([sys.executable, "-m", "clientobs.cli.main", "show", "--json"], text=True)

for span in json.loads(told)["traces"][0]["spans"]:
    production = {key: value for key, value in span["context"].items() if key.startswith("production.")}
    print(f"{span['name']}:", *(f"{key}={value}" for key, value in production.items()))
