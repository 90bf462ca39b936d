"""What holds for every test: no GPU, unless PUNAR_TEST_DEVICE=cuda asks for the tests that need one.

Answers are compared to the last bit, of fits, of saved models and of other batches: on the CPU they are equal.
"""

import os

if os.environ.get("PUNAR_TEST_DEVICE") != "cuda":
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
