"""What is predicted: one file per task. The contract is in ``_task.py``."""
