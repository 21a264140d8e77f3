// The words for people, in tables.

export const status = {
  scheduled: ["scheduled", "blue"], sending: ["sending", "blue"], sent: ["sent", ""], cancelled: ["cancelled", "good"],
  terminated: ["terminated", "good"], recalled: ["recalled", "good"], overridden: ["overridden", "good"],
};

export const actions = [
  ["cancel", "Cancel", "A scheduled push that has not started never starts."],
  ["terminate", "Terminate", "What is not delivered yet stays undelivered. What is shown stays."],
  ["recall", "Recall", "Terminate, and remove what is shown and unclicked."],
  ["override", "Override", "Terminate, and replace it by a new text."],
];

export const methods = {
  withhold: "what is undelivered is held back", remove: "vanishes", overwrite: "another text takes its place", none: "no way back",
};

export const outcomes = [
  ["confirmed", "confirmed", "the device said so"],
  ["accepted", "accepted", "the vendor took the command"],
  ["skipped", "left alone", "clicked or cleared first"],
  ["unsupported", "no way back", "the channel cannot do it"],
  ["refused", "refused", "by the vendor"],
  ["expired", "too late", "the window closed first"],
];

export const kinds = {
  "push.created": ["Push created", ""], "push.sent": ["Handed over to the channel", "blue"], "push.failed": ["Sending failed", "bad"],
  "delivery.delivered": ["Delivered to the device", "blue"], "delivery.expired": ["Expired before delivery", ""],
  "display.shown": ["Shown on the screen", "blue"], "display.cleared": ["Cleared by the user", ""], "click.clicked": ["Clicked by the user", "good"],
  "recall.requested": ["Recall accepted", "bad"], "recall.refused": ["Recall refused", ""], "recall.completed": ["Recall closed", "good"],
  "recall.aborted": ["Recall aborted", "bad"], "command.issued": ["Command issued", "blue"],
  "outcome.accepted": ["The vendor took the command", "good"], "outcome.confirmed": ["The device confirmed", "good"],
  "outcome.refused": ["The vendor refused", "bad"], "outcome.skipped": ["Left alone: clicked or cleared first", ""],
  "outcome.unsupported": ["No way back on this channel", ""], "outcome.expired": ["Too late: the window closed first", ""],
};

// The reasons of outcomes; a vendor's own code may follow after a colon.
export const reasons = {
  "no-method": "The channel has no call for this.",
  "handed-over": "The vendor has the message and cannot be told to hold it back.",
  "no-slot": "The push was sent without the slot that the channel's call needs, or with one it cannot use.",
  "no-send": "The channel takes back whole sends, and the vendor's id of the send is not known.",
  "not-configured": "The node has no credentials for this app and channel: add the vendor to the configuration.",
  "already-recalled": "The vendor says that it has been taken back before.",
  "not-found": "The vendor does not know the message any more.",
  "expired": "The vendor's own time for taking it back is over.",
  "dead-token": "The vendor says that the device's token is dead: the app was removed or moved on.",
  "all-tokens-rejected": "Every token of the call was called dead, which a wrong configuration does as well; look at the vendor's settings.",
  "too-large": "The text is larger than the vendor takes.",
  "bad-request": "The vendor does not understand the request. The vendor's own code follows.",
  "credentials": "The vendor rejects the app's credentials. It is tried again until the window closes: mend them.",
  "throttled": "The vendor asks to come back later. It is tried again.",
  "vendor-busy": "The vendor says that it failed and did nothing. It is tried again.",
  "unreachable": "The request did not reach the vendor. It is tried again.",
  "no-answer": "The request may have reached the vendor, and no usable answer came.",
  "unknown-result": "The vendor may have acted and a second call could do harm: look at the vendor's side, then re-drive.",
  "call-failed": "The adapter of the channel failed; the node's log says why.",
};

export function explain(reason) {
  const [code] = (reason ?? "").split(":");
  return reasons[code];
}
