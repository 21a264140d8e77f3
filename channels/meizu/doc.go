// Package meizu takes notifications back on Meizu's Flyme push: it shows another
// text under the same notifyKey, and cancels sends to all users that have not
// finished.
//
// It promises that an overwrite reaches only the devices of the command and that
// Meizu's answer for each push id is that device's result. A cancelled task stops
// for every user of the app, so Withhold needs the task's id (L9); what
// pushByPushId sent has no such id and cannot be stopped.
//
// It must never call a push id dead for anything but Meizu's own code for that,
// nor put one into a reason or an error.
//
// The push must have been sent with advanceInfo.notifyKey = its slot: 1 to 8 of
// A-Z, a-z, 0-9, - and _. The phone shows only the last notification of a key.
//
// Source: Meizu's HTTP API document, https://github.com/MEIZUPUSH/PushAPI, its
// edition of 2025-04-09 (checked 2026-11-20). It has no call that removes what is
// shown.
package meizu
