"""What a person names on the command line becomes data: one file per format."""
