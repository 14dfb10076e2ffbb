"""What of a death is found outside of its run's folder: by the kernel, the system, the host itself.

watch     while a process lives: its memory, and how often the kernel has killed for want of it
inquest   once it is dead: everything else, on a thread of its own, within a bound of time
findings  what came of both, written into the run's folder before it is told: the same answer however often asked
"""
