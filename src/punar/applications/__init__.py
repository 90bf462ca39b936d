"""What autoencoders and frozen features are used for: thin estimators over both."""
