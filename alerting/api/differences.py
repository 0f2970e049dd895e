"""Where the API differs from Alertmanager 0.25's on purpose: as data, so that documentation and tests can go through it."""

from __future__ import annotations

from driftbell.alerting.routing.differences import Difference

API_DIFFERENCES = (
    Difference(
        "times",
        "in the zone in which they were sent",
        "in UTC",
        "a moment is stored, not a text",
    ),
    Difference(
        "endsAt of an alert of driftbell's own",
        "every alert has an end",
        "the present and global.resolve_timeout, as long as it fires",
        "it is over when its worker says so",
    ),
    Difference(
        "null in place of an alert or a matcher",
        "the connection breaks (a panic)",
        "taken for an empty one, which is refused with 422",
        "who asks should hear why",
    ),
    Difference(
        "texts about JSON, times and regular expressions that cannot be read",
        "Go's own",
        "others, behind the same beginning and with the same status",
        "another parser finds them",
    ),
    Difference(
        "requests from web pages of others (CORS)",
        "allowed to all",
        "not allowed",
        "any page that a person opens could silence alerts",
    ),
    Difference(
        "a silence until the end of the year 9999",
        "refused",
        "accepted",
        "nothing is wrong with it",
    ),
    Difference(
        "a silence of more than 100 matchers or with a text of more than 10,000 characters; more than 20,000 silences",
        "accepted",
        "refused",
        "what is kept is bounded",
    ),
    Difference(
        "a posted alert with exactly the labels of one of driftbell's own",
        "not a case",
        "changes nothing, and is answered with 200",
        "the worker of a model says what its alerts do",
    ),
    Difference(
        "a restart",
        "posted alerts are forgotten",
        "they are kept; what ended while no router led is over three minutes later, unless it is posted again",
        "a restart is nothing to be paged for, nor to be told the end of",
    ),
    Difference(
        "an alert of more than 100 labels, or with a label's value of more than 4,096 characters",
        "accepted",
        "refused, as one with a bad label; annotations are cut at the same length and number",
        "what is kept is bounded; labels are an alert's identity, and a page shows no more of an annotation",
    ),
    Difference(
        "more than 100 filters, or regular expressions in a request that take more memory than [above](#bounds)",
        "accepted",
        "refused with 400",
        "one request does not keep the router from its work",
    ),
    Difference(
        "a post of more than 20,000 alerts, or with an object of more than 1,000 keys",
        "accepted",
        "refused as a whole",
        "one request does not keep the router from its work",
    ),
    Difference(
        "more posted alerts than router.api.max_alerts fire",
        "not bounded",
        "503; those that are known already are taken",
        "what is kept is bounded",
    ),
    Difference(
        "a resolved alert that is posted again",
        "is merged with what it was until the next sweep, every 30 minutes",
        "until 30 minutes after its end",
        "no sweep to wait for",
    ),
    Difference(
        "no leader, or no store",
        "not a case",
        "503, and nothing was done or it is safe to ask again",
        "an answer means that it is saved",
    ),
    Difference(
        "version 1 of the API, /metrics and the web page",
        "there",
        "404; metrics are on router.http_port",
        "amtool, Grafana and Prometheus need none of them",
    ),
)
