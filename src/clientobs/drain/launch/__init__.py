"""Getting a drain started: an interpreter for it, its code on local disk, and a start that the host can't notice."""
