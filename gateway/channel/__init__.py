"""Floor 1: the contract between a channel and the core, and the ports the core hands over."""

from gateway.channel.contract import (
    Account,
    AnswersAfterLookup,
    AnswersInContext,
    CarriesFiles,
    ChannelKind,
    ChannelSpec,
    Drains,
    HttpCall,
    Lifecycle,
    MediaSource,
    Page,
    RefusesInItsOwnWords,
    Route,
    Simulator,
    Socket,
    SocketChannel,
    SourceChannel,
    WebhookChannel,
)
from gateway.channel.errors import Conflict, Malformed, SendError, SendFailure, Unverified
from gateway.channel.http import HttpClient
from gateway.channel.outgoing import ContactState, Part, Reply, Sender, Sent
from gateway.channel.ports import CaseLookup, PageRenderer, Ports, Sink, Site, Uploads
from gateway.channel.simulation import StandIn
from gateway.channel.wire import HttpReply, RawRequest

__all__ = [
    "Account",
    "AnswersAfterLookup",
    "AnswersInContext",
    "CarriesFiles",
    "CaseLookup",
    "ChannelKind",
    "ChannelSpec",
    "Conflict",
    "ContactState",
    "Drains",
    "HttpCall",
    "HttpClient",
    "HttpReply",
    "Lifecycle",
    "Malformed",
    "MediaSource",
    "Page",
    "PageRenderer",
    "Part",
    "Ports",
    "RawRequest",
    "RefusesInItsOwnWords",
    "Reply",
    "Route",
    "SendError",
    "SendFailure",
    "Sender",
    "Sent",
    "Simulator",
    "Sink",
    "Site",
    "Socket",
    "SocketChannel",
    "SourceChannel",
    "StandIn",
    "Unverified",
    "Uploads",
    "WebhookChannel",
]
