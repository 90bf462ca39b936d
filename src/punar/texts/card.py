"""The model card that travels in a model folder."""

README = """---
library_name: punar
---
# {kind}

{verdict}
{holds}
Numbers stored: {parameters:,}. Tensors are in `model.safetensors`, settings in `config.json`; nothing here is code.

```python
import punar

model = punar.load("path/to/this/folder")
```
"""

# What a folder holds of the data it was learned from, where somebody may not expect it.
HOLDS_ENDS = (
    "\nThis folder holds the last {steps:,} steps of each of its {series:,} series: forecasts go on from them.\n"
)
HOLDS_WORDS = "\nThis folder holds the words of the texts that it was trained on, as its vocabulary.\n"
