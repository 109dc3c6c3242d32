"""The chain of sources: who answers first, and what stands in where nobody does."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from milepost.data import gcp_shapes, machines
from milepost.errors import PriceUnavailable, UnknownName
from milepost.log import Once
from milepost.money.instance import Instance
from milepost.money.quote import Quote
from milepost.prices.live import LiveAnswers
from milepost.prices.names import KnownNames
from milepost.prices.roster import Roster, Source
from milepost.prices.source import LivePriceSource, PriceSource
from milepost.prices.sources.default import DefaultPrice, require_may_stand_in
from milepost.prices.sources.fallback import FallbackPrices
from milepost.prices.sources.skypilot import SkyPilotCatalog
from milepost.prices.sources.user import UserPrice
from milepost.prices.stand_ins import as_on_demand, in_another_region, known_gpus, with_same_gpus
from milepost.providers import provider_of
from milepost.providers.gpu_names import gpus_named, model_at

LAST = (FallbackPrices.name, DefaultPrice.name)
"""Sources that are asked once nobody has a better answer, the same type in another region among them."""

_assumed = Once("prices")


class Chain:
    """Asks sources in order.

    What its user named and nobody knows is refused. Where the machine told its type, something stands in: the same type
    in another region, its on-demand price, another type with the same GPUs, or the default instance.

    Args:
        roster: The sources.
        catalog: SkyPilot's, which also tells what machines are.
        strict: An instance whose price is not known has none, in place of an assumed one.

    Attributes:
        names: Names that are known here.
    """

    def __init__(self, roster: Roster, catalog: SkyPilotCatalog, *, strict: bool = False) -> None:
        self._roster = roster
        self._catalog = catalog
        self._strict = strict
        self.names = KnownNames(roster.every_quote, catalog)

    def first_answer(
        self, instance: Instance, since: datetime | None, live: LiveAnswers, *, stand_in: bool = True
    ) -> Quote:
        """Return the answer of the first source that knows, else what stands in.

        Args:
            instance: As `completed` returns it.
            since: From when on the changes of a spot price are wanted.
            live: Has the answers of live sources.
            stand_in: Whether the default instance's price stands in where neither type nor GPUs are known.

        Raises:
            UnknownName: Its user named what nobody knows.
            PriceUnavailable: No source knows; says what each answered.
        """
        answers: list[str] = []
        asked: list[PriceSource] = []
        failed = False
        for source in self._roster.asked_about(instance):
            try:
                if source.name in LAST and (quote := self._elsewhere(instance, asked)):
                    return self._said(quote, instance, answers, live)
                if reason := self._why_not(source, instance, stand_in):
                    raise PriceUnavailable(reason)
                if isinstance(source, LivePriceSource):
                    quote = live.quote(source, instance, since)
                elif isinstance(source, DefaultPrice):
                    self._refuse(instance, answers, failed=failed, waiting=bool(live.waiting))
                    return self._said(self._default(source, instance, since, live), instance, answers, live)
                else:
                    asked.append(source)
                    quote = source.quote(instance)
                return self._said(quote, instance, answers)
            except UnknownName:
                raise
            except PriceUnavailable as error:
                answers.append(f"{source.name}: {error}")
                failed = failed or error.failed
        if quote := self._elsewhere(instance, asked):
            return self._said(quote, instance, answers, live)
        self._refuse(instance, answers, failed=failed, waiting=bool(live.waiting), whole=True)
        what = " ".join(
            filter(None, (instance.market, instance.instance_type or "an unknown instance", instance.region))
        )
        said = "; ".join((*answers, *self._left_out(instance)))
        raise PriceUnavailable(f"no price of {what} is known ({said})", waiting=bool(live.waiting), failed=failed)

    def _refuse(
        self, instance: Instance, answers: list[str], *, failed: bool, waiting: bool, whole: bool = False
    ) -> None:
        """Raise `UnknownName` for a type that its user named and that nobody knows.

        Args:
            instance: What is asked about.
            answers: What each source said.
            failed: Whether one that may know could not be asked: it has not said no.
            waiting: Whether one is yet to be asked.
            whole: Whether there is nothing left that may stand in, so that GPUs that nobody offers are refused too.
        """
        if self._takes_default or self._strict:
            return
        kind = instance.instance_type
        if kind is None:
            is_unknown = whole and bool(instance.gpu) and bool(instance.gpus) and instance.is_users("gpu")
        else:
            is_unknown = instance.is_users("instance_type") and not self.names.has_type(instance)
        if is_unknown:
            said = [*answers, *self._left_out(instance)]
            error = self.names.unknown_type(instance, said, waiting=waiting)
            if error.certain or not failed:
                raise error

    @property
    def _takes_default(self) -> bool:
        """Whether somebody asked for the default instance's price by the name of its source."""
        return self._roster.is_named(DefaultPrice.name)

    def _elsewhere(self, instance: Instance, asked: Iterable[PriceSource]) -> Quote | None:
        """Return the price of the same type in another region, by the sources that were asked; None where none has it.

        Raises:
            UnknownName: Its user named a region that is none.
        """
        if instance.region is None:
            return None
        if instance.is_users("region") and not self._takes_default:
            # Of a type that was only taken by default it is not known whose region it is.
            by_default = instance.sources.get("instance_type") == "default"
            somewhere = msgspec.structs.replace(instance, provider=None) if by_default else instance
            if not self.names.has_region(somewhere):
                raise self.names.unknown_region(somewhere)
        if instance.instance_type is None or instance.market not in (None, "on_demand"):
            return None
        for source in asked:
            if source.name == UserPrice.name or self._roster.why_not(source, instance):
                continue
            if found := list(source.quotes_of(instance)):
                try:
                    return in_another_region(instance, found)
                except PriceUnavailable:
                    continue
        return None

    def _default(self, source: DefaultPrice, instance: Instance, since: datetime | None, live: LiveAnswers) -> Quote:
        """Return what stands in where nobody knows, and no other region either."""
        require_may_stand_in(instance)
        kind = instance.instance_type
        if kind is not None and instance.market == "spot":
            try:
                on_demand = msgspec.structs.replace(instance, market="on_demand", zone=None)
                return as_on_demand(instance, self._without_stand_in(on_demand, live))
            except PriceUnavailable:
                pass
        try:
            return source.quote_of_type(instance)
        except PriceUnavailable:
            pass
        known = known_gpus(instance.completed_by(self._catalog.machine_of(instance)) if kind else instance)
        if known is not None:
            model = model_at(instance.provider, known[0])
            quotes = [each for other in self._roster.at_once() for each in other.quotes_with(model, known[1])]
            try:
                return with_same_gpus(instance, model, known[1], quotes)
            except PriceUnavailable:
                pass
        if kind is not None:
            try:  # nothing is like it: its own price, which can't be trusted, is nearer than any other's
                return self._catalog.quote_of_type(instance, suspect_too=True)
            except PriceUnavailable:
                pass
        is_users = instance.is_users("instance_type" if kind else "gpu") and bool(kind or instance.gpu)
        if is_users and not self._takes_default:
            raise PriceUnavailable("no machine that is like it has a price either: give price_per_hour")
        return source.quote_of_default(instance)

    def _without_stand_in(self, instance: Instance, live: LiveAnswers) -> Quote:
        """Return the price of just what is asked about, or of the same type in another region."""
        asked = []
        for source in self._roster.asked_about(instance):
            if source.name in LAST or self._roster.why_not(source, instance):
                continue
            try:
                if isinstance(source, LivePriceSource):
                    return live.quote(source, instance, None)
                asked.append(source)
                return source.quote(instance)
            except PriceUnavailable:
                continue
        if quote := self._elsewhere(instance, asked):
            return quote
        raise PriceUnavailable("no source knows")

    def _why_not(self, source: Source, instance: Instance, stand_in: bool) -> str | None:
        """Say why a source is not asked about an instance; None where it is."""
        if source.name == DefaultPrice.name and self._strict:
            return "not asked, pricing is strict"
        is_open = instance.instance_type is None and known_gpus(instance) is None
        if source.name == DefaultPrice.name and is_open and not stand_in:
            return "not asked, nothing tells what it is"
        return self._roster.why_not(source, instance)

    def _said(
        self, quote: Quote, instance: Instance, answers: list[str], stands_in_at: LiveAnswers | None = None
    ) -> Quote:
        """Return a quote with who was asked before or left out; warn, once, of what stands in for good."""
        quote = msgspec.structs.replace(quote, tried="\n".join(" ".join(answer.split()) for answer in answers))
        if quote.assumed and (left_out := self._left_out(instance)):
            quote = msgspec.structs.replace(
                quote, assumed_because="; ".join(filter(None, (quote.assumed_because, *left_out)))
            )
        if stands_in_at is not None and not stands_in_at.waiting:
            warn_of(quote)
        return quote

    def _left_out(self, instance: Instance) -> list[str]:
        """Say which sources know an instance's provider and are not asked, since others are named."""
        names = self._roster.left_out(instance)
        return [f"{name}: left out, though it knows {instance.provider}'s prices: others are named" for name in names]


def warn_of(quote: Quote) -> None:
    """Warn, once, of what stands in for what."""
    _assumed.warn(quote.assumed_because or "", "assumed price: %s", quote.assumed_because)


def completed(instance: Instance) -> Instance:
    """Return it with its provider and type as they are written, and with the GPUs that are named in place of a type."""
    kind = instance.instance_type
    if named := gpus_named(kind):
        sources = {name: source for name, source in instance.sources.items() if name not in ("gpu", "gpus")}
        if (source := sources.pop("instance_type", None)) is not None:
            sources |= {"gpu": source, "gpus": source}
        instance = msgspec.structs.replace(instance, instance_type=None, gpu=named[0], gpus=named[1], sources=sources)
    elif kind is not None:
        written = machines().written(kind) or gcp_shapes().written(kind) or kind.strip()
        instance = msgspec.structs.replace(instance, instance_type=written)
    provider = instance.provider.lower() if instance.provider else None  # people write AWS
    return msgspec.structs.replace(instance, provider=provider or provider_of(instance.instance_type or ""))
