"""Where the router differs from Alertmanager 0.25 on purpose: as data, so that documentation and tests can go through it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: what Alertmanager does, what driftbell does, and why."""

    subject: str
    alertmanager: str
    driftbell: str
    reason: str


DIFFERENCES = (
    Difference(
        "send_resolved",
        "false by default for email and Slack",
        "true by default for every channel",
        "what was opened is closed, and people see it where they saw the message",
    ),
    Difference(
        "a resolve while muted",
        "lost: the incident stays open (prometheus/alertmanager#226)",
        "sent",
        "what was opened is closed",
    ),
    Difference(
        "a muted alert in an open incident",
        "the incident is closed while the alert fires, and triggered again after the mute (#5247)",
        "the incident stays open, without repeats",
        "an incident is closed when its alerts are over",
    ),
    Difference(
        "an alert that opens and closes again and again",
        "each time is a page (#204, #3048)",
        "after five times within an hour one page that says so, open until it is quiet for 15 minutes",
        "twenty pages in an hour are read like none",
    ),
    Difference(
        "when a mute ends",
        "what still fires is notified at the next group_interval",
        "at once, when a silence or a time interval ends; what was inhibited at the next group_interval",
        "a group_interval of an hour must not add an hour to every night",
    ),
    Difference(
        "days_of_month below zero in a zone that changes its clocks",
        "a month of 743 hours has one day less (fixed by #5447)",
        "counted by the calendar",
        "-1 is the last day",
    ),
    Difference(
        "a month 0 or 13 in a time interval",
        "accepted, and never holds",
        "refused",
        "a mistake is named, not obeyed",
    ),
    Difference(
        "location: Local",
        "the machine's zone",
        "refused",
        "two routers must decide the same",
    ),
    Difference(
        "a destination that fails",
        "retried in memory until the next group_interval; other channels of the receiver wait for it",
        "retried from a durable outbox with backoff, for hours; no other destination waits",
        "a sick channel must not delay another, and a restart must not lose a message",
    ),
    Difference(
        "HTTP 429",
        "given up for Slack and webhooks; Retry-After is ignored (#2205)",
        "retried; Retry-After is honoured up to an hour",
        "a message is not dropped because the vendor is busy",
    ),
    Difference(
        "a template that fails",
        "the message is lost (#2857)",
        "the built-in minimal message is sent",
        "no message is lost to its content",
    ),
    Difference(
        "templates",
        "Go's template language",
        "Jinja2 in a sandbox",
        "the configuration is Python's world, and untrusted text is escaped for the channel by default",
    ),
    Difference(
        "the notification log",
        "entries expire after twice the repeat_interval, and a later resolve is lost",
        "kept as long as the group has alerts",
        "what was opened is closed",
    ),
    Difference(
        "a group without alerts",
        "lives on for up to 30 s; a new alert in that time waits for group_interval",
        "ends at once; a new alert waits for group_wait",
        "a new incident is paged as soon as any other new incident",
    ),
    Difference(
        "an old alert in an existing, never flushed group",
        "forces a flush at once",
        "only the alert that makes the group does (as in newer Alertmanagers)",
        "alerts that are read in one go after an outage are one message",
    ),
    Difference(
        "an alert that is more severe than what its group was notified of",
        "waits for group_interval; PagerDuty gets an update, which notifies nobody",
        "notified at once, and people are called again; all that was opened is closed together",
        "a critical alert is not less urgent because a warning came first",
    ),
    Difference(
        "resolve_timeout",
        "an alert that is not sent again is resolved after it",
        "only of what others post; driftbell's own are not resolved by it",
        "driftbell's alerts carry their end; a worker that is away does not mean that a model is well",
    ),
    Difference(
        "start and restart",
        "alerts and timers are forgotten; messages wait for group_wait again",
        "alerts, timers and open incidents are kept; messages wait until the topic is read to its end",
        "a restart is not an event that anyone should be paged for, nor one that delays a message",
    ),
    Difference(
        "a change of the configuration",
        "incidents opened through a route that is gone stay open",
        "they are closed where they were opened, and opened where the alert belongs now",
        "what was opened is closed",
    ),
    Difference(
        "equal sibling routes",
        "share a group key and thus one notification log and one PagerDuty incident",
        "each has its own; group keys in webhooks are Alertmanager's",
        "the second route is not silent because the first has spoken",
    ),
    Difference(
        "PagerDuty's dedup_key",
        "sha256 of the group key",
        "sha256 of route, group labels and destination",
        "stable when routes are named, and different where groups are different",
    ),
    Difference(
        "webhook max_alerts: 0",
        "all alerts of the group",
        "the 200 most severe, the rest counted in truncatedAlerts; a label or annotation has 4,096 characters at most",
        "what waits in the outbox is bounded",
    ),
    Difference(
        "labels common to a message",
        "of the alerts in it",
        "of all alerts of the group, also of those that a destination does not want or that are only counted",
        "what heads a message does not change with a setting of one channel",
    ),
    Difference(
        "labels with an empty value",
        "dropped",
        "kept as they come",
        "workers publish none",
    ),
    Difference(
        "control characters in a webhook",
        "kept",
        "left out",
        "text from events reaches terminals and logs of others",
    ),
    Difference(
        "repeat_interval that is a multiple of group_interval",
        "repeated one group_interval later",
        "on a busy machine at the multiple itself, else one group_interval later",
        "the exact moment hangs on milliseconds in both",
    ),
    Difference(
        "durations",
        "with a unit; up to 292 years",
        "a bare number is seconds; up to 100 years",
        "one form of durations in the whole file, and every moment must be on a calendar",
    ),
    Difference(
        "text where a truth value is needed, routes: [null], an empty router",
        "refused",
        "yes and no are read, an empty route is one without matchers, with nothing all goes to the log",
        "the file is read like the rest of driftbell's",
    ),
    Difference(
        "receiver: '' on a child route, match: {a: 5}, group_by: ['...', '...'], a second YAML document",
        "accepted",
        "refused, with the fix",
        "each is a slip of the keyboard",
    ),
    Difference(
        "receivers",
        "many more, and more fields of each",
        "Slack, PagerDuty, email, Teams, Pushover, webhook; ntfy, Apprise, forwarding and the log, which it lacks",
        "not there yet",
    ),
    Difference(
        "a change of a silence that is refused",
        "ends the old silence all the same when the new one's matchers cannot be",
        "changes nothing",
        "a mistake must not page anybody",
    ),
    Difference(
        "which alert inhibits",
        "any that does, by chance",
        "the one with the lowest fingerprint",
        "every run says the same",
    ),
)
