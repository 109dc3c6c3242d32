"""Options that several commands take, each in the same words."""

from typing import Annotated

import typer

ConfigName = Annotated[str | None, typer.Option(help="Thresholds file, or the name of an environment.")]
Provider = Annotated[str | None, typer.Option(help="aws, gcp, azure, lambda …")]
Region = Annotated[str | None, typer.Option(help="The provider's region.")]
PricePerHour = Annotated[float | None, typer.Option(help="USD an hour of one node.", min=0.0)]
