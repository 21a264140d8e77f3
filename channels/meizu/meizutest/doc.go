// Package meizutest is a double of Meizu's Flyme push: signed calls, a
// notification bar that shows the last notification of a key, and tasks to all
// users that can be cancelled.
//
// It follows https://github.com/MEIZUPUSH/PushAPI, edition of 2025-04-09 (checked
// 2026-11-20): signature, parameters, limits, codes and the forms of its answers.
// It must never import the adapter.
package meizutest
