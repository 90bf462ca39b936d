"""The one training loop, and what it needs: optimisers, progress, checkpoints."""
