"""Subscribe to the changes that Garner finds: see Feed."""

from .change import Change, Collection, Number, Row, to_json
from .feed import Begin, Changes, End, Feed, Rows
from .wire import FeedError

__all__ = ["Begin", "Change", "Changes", "Collection", "End", "Feed", "FeedError", "Number", "Row", "Rows", "to_json"]
