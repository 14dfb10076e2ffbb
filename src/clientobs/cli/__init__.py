"""The command line: thin commands over the parts below; nothing here is loaded in a host."""
