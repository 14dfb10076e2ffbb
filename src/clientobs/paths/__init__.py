"""Where things lie: mounts and storage kinds, portable paths, folders for the journal. No path is touched."""
