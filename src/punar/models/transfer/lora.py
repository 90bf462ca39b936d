"""Low-rank adapters through peft: trained in place of the weights, merged into them afterwards (Hu et al., 2022)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from punar.backbones import Stage
from punar.errors import MissingExtraError, NotSupportedError

_SCALE = 2  # alpha over rank, the usual choice


def add_lora(backbone: nn.Module, stages: Sequence[Stage], trained: frozenset[int], rank: int, where: str) -> None:
    """Put an adapter beside every linear layer of the trained stages; only adapters will have a gradient.

    Raises
    ------
    MissingExtraError
        peft is not installed.
    NotSupportedError
        The trained stages have no linear layer.
    """
    try:
        import peft
    except ImportError:
        raise MissingExtraError(f"{where}: lora needs peft. Run: pip install 'punar[text]'") from None
    roots = [name for at in sorted(trained) for name in stages[at].modules]
    names = [
        f"{root}.{inner}" if inner else root
        for root in roots
        for inner, module in backbone.get_submodule(root).named_modules()
        if type(module) is nn.Linear or type(module).__name__ == "Conv1D"
    ]
    if not names:
        raise NotSupportedError(
            f"{where}: lora needs linear layers in the trained stages; {', '.join(roots)} have none."
        )
    # Without dropout: its draws would depend on how peft calls it.
    config = peft.LoraConfig(r=rank, lora_alpha=_SCALE * rank, target_modules=names, lora_dropout=0.0, bias="none")
    peft.inject_adapter_in_model(config, backbone)


def merge_lora(backbone: nn.Module) -> None:
    """Add every adapter to its layer's weights and take it away: plain modules of the source library remain."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(backbone.named_modules()):
        if not isinstance(module, BaseTunerLayer):
            continue
        module.merge()
        parent, _, leaf = name.rpartition(".")
        setattr(backbone.get_submodule(parent), leaf, module.get_base_layer())


def has_lora(backbone: nn.Module) -> bool:
    """Return whether adapters are in place."""
    return any("lora_" in name for name, _ in backbone.named_parameters())


def freeze_all_but_lora(backbone: nn.Module) -> None:
    """Let only adapters have a gradient, where there are any."""
    if has_lora(backbone):
        for name, parameter in backbone.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and "lora_" in name)
