"""The model card that travels in a model folder."""

README = """---
library_name: punar
---
# {kind}

{verdict}

Numbers stored: {parameters:,}. Tensors are in `model.safetensors`, settings in `config.json`; nothing here is code.

```python
import punar

model = punar.load("path/to/this/folder")
```
"""
