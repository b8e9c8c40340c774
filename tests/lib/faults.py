"""Spoil each page of a listing in each way, and judge what Garner makes of it.

A `Listing` says which collection it is, how its requests look, what the provider truly has, and how to create and delete
there. `spoil_every_page` goes through its pages with one fault: something changes at the provider, a run meets the fault,
and then: nothing that is there was deleted, the receipt says what happened, and a run without the fault has everything.
"""

from dataclasses import dataclass
from typing import Callable

from fault_proxy import ALWAYS

RECOVERS, FAILS, LIES = "recovers", "fails", "lies"

# What a page that is spoiled once does to a run. One that is spoiled whenever it is asked for fails, but for
# the slow ones, which are only slow. A lie is an answer that nobody can tell from a true one; see `spoil`.
FAULTS = {
    "reset": RECOVERS, "hang_up": RECOVERS, "reset_in_body": RECOVERS,
    "cut": RECOVERS, "cut_with_its_length": RECOVERS, "cut_without_length": RECOVERS, "cut_in_chunks": RECOVERS,
    "cut_and_last_chunk": RECOVERS, "bad_chunk": RECOVERS, "length_too_long": RECOVERS, "cut_head": RECOVERS, "no_http": RECOVERS,
    "slow": RECOVERS,
    "too_many": RECOVERS, "too_many_seconds": RECOVERS, "too_many_date": RECOVERS, "too_many_for_an_hour": FAILS,
    "throttling_code": RECOVERS,
    "error_500": RECOVERS, "error_502": RECOVERS, "error_503": RECOVERS, "error_504": RECOVERS,
    "html_200": RECOVERS, "nothing_200": RECOVERS, "garbage_gzip": RECOVERS, "cut_gzip": RECOVERS,
    "unauthorized": FAILS, "forbidden": FAILS, "redirect": FAILS, "page_again": FAILS,
    "empty_list": LIES,
}
# These wait a second at each try.
ONCE_ONLY = {"too_many_seconds", "too_many_date"}


@dataclass
class Listing:
    type: str
    match: str                                # its requests, as fault_addon.py sees them
    pages: int                                # at least so many
    truth: Callable[[], set]                  # {(parent, id)} that the provider has now
    create: Callable[[], None]
    delete: Callable[[], None]                # one of them
    throttle: dict                            # what a throttled client is told here
    not_here: frozenset = frozenset()         # faults that are none here
    otherwise: dict = None                    # faults that end otherwise here

    def ends(self, fault):
        return (self.otherwise or {}).get(fault, FAULTS[fault])


class Trial:
    """One listing, one fault: a page after the other."""

    def __init__(self, lab, proxy, listing, fault):
        self.lab, self.proxy, self.listing, self.fault = lab, proxy, listing, fault
        self.usual = len(listing.truth())

    def stored(self):
        """What Garner has of this listing."""
        return {(one["parent"], one["id"]) for one in self.lab.on_data("list", self.listing.type, "--json").ndjson()}

    def check_deletes(self, run):
        """Each delete is of what is truly gone."""
        truth = self.listing.truth()
        wrong = [e["id"] for e in run.changes(self.listing.type) if e["op"] == "deleted" and (e["parent"], e["id"]) in truth]
        assert not wrong, f"deleted, and still there: {wrong}\n{run}"
        others = [e for e in run.changes() if e["op"] == "deleted" and e["type"] != self.listing.type]
        truth_parents = {parent for parent, _ in truth}
        assert all(e["parent"] not in truth_parents for e in others), f"{others}\n{run}"

    def last_receipts(self):
        """Of each parent's listing, the last receipt."""
        lines = self.lab.receipts("--type", self.listing.type)
        return list({(one["parent"], one["region"]): one for one in sorted(lines, key=lambda one: int(one["id"].split("-")[-1]))}.values())

    def spoil(self, page, times):
        self.proxy.spoil(self.fault, page, self.listing.match, times, self.listing.throttle)
        run = self.lab.run(expect=None)
        asked = self.proxy.asked()
        self.proxy.rest()
        assert any(one["spoiled"] for one in asked), f"page {page} wasn't asked for\n{run}\n{asked}"
        self.check_deletes(run)
        ends = self.listing.ends(self.fault)
        if ends == RECOVERS and times != 1 and self.fault != "slow":
            ends = FAILS
        self.check_end(run, ends)
        return run

    def check_end(self, run, ends):
        receipts = self.last_receipts()
        failed = [one for one in receipts if one["error"]]
        if ends == FAILS:
            assert run.code == 1 and len(failed) == 1, f"{self.fault}\n{run}\n{failed}"
            assert not failed[0]["sound"] and not failed[0]["complete"] and failed[0]["cause"] and not failed[0]["deleted"], failed
            run.said(self.listing.type, "nothing deleted")
            assert [e["type"] for e in run.statuses("unreachable")] == [self.listing.type], str(run)
        elif ends == RECOVERS:
            assert run.code == 0 and not failed and all(one["sound"] for one in receipts), f"{self.fault}\n{run}\n{receipts}"
            assert sum(one["items"] for one in receipts) == len(self.listing.truth()), receipts
            assert not run.statuses("unreachable"), str(run)
        else:
            # Less than there is, said without a sign: it counts as missing or is held back, or a look at each brought it to light.
            assert not failed and run.code in (0, 1) and not run.statuses("unreachable"), f"{run}\n{failed}"

    def recover(self):
        """Runs without a fault: everything that is there at once, be it that the first one goes on where the fault was;
        what is gone, at the second one if the rules are so."""
        run = self.lab.run(expect=None)
        went_on = "it went on with page" in run.err
        assert run.code == (1 if went_on else 0), str(run)
        self.check_deletes(run)
        truth = self.listing.truth()
        assert truth <= self.stored(), f"lacks {truth - self.stored()}\n{run}"
        for _ in range(went_on + 1):
            if went_on or self.stored() != truth:
                self.check_deletes(self.lab.run())
        assert self.stored() == truth

    def change(self):
        """One more than usual, then one less, and so on."""
        self.listing.create() if len(self.listing.truth()) <= self.usual else self.listing.delete()


def spoil_every_page(lab, proxy, listing, fault):
    trial = Trial(lab, proxy, listing, fault)
    for page in range(2 if fault == "page_again" else 1, listing.pages + 1):
        trial.change()
        trial.spoil(page, 1)
        trial.recover()
    if fault not in ONCE_ONLY:
        trial.change()
        trial.spoil(2 + len(fault) % (listing.pages - 1), ALWAYS)
        trial.recover()
    if len(listing.truth()) > trial.usual:
        listing.delete()
    lab.verify()
    told = {key[4:] for key in lab.world() if key[3] == listing.type}
    assert told == trial.stored(), "the whole feed, replayed, is the store"
    assert not proxy.trouble(), proxy.trouble()
