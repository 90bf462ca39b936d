"""What knows nothing about models: parameters, parts by name, files, seeds and threads."""
