"""``punar fetch NAME``."""

from __future__ import annotations

from typing import Annotated

import typer

from punar.texts import cli as texts


def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help=texts.FETCH_NAME, show_default=False)],
) -> None:
    """Build with published weights, which downloads them where they are missing."""
    import punar
    from punar.backbones import build

    recipe = punar.backbone(name, weights="default")
    body = build(recipe)
    count = sum(p.numel() for p in body.module.parameters())
    typer.echo(texts.FETCH_DONE.format(name=name, what=body.provenance, n=count))
    typer.echo(texts.FETCH_AT.format(path=_place(recipe.name, type(recipe).__name__.lower())))


def _place(name: str, source: str) -> object:
    """Return the weights' file, or for a network outside the catalogue the folder that its library downloads to."""
    from punar.inspection.catalogue import entries, hugging_face_folder, torch_hub_folder, weights_at

    for entry in entries():
        if entry["name"] in (name, f"{source}:{name}"):
            found = weights_at(entry)
            if found is not None:
                return found
    if source in ("timm", "transformers"):
        return hugging_face_folder()
    return torch_hub_folder() if source == "torchvision" else texts.FETCH_HERE
