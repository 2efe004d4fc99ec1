"""Sources of examples, one file each: the word before the colon in `--dataset`."""
