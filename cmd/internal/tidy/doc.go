// Package tidy holds no code: its test checks the layout of the module, so that
// the rules of the design are not a matter of memory. It promises that imports
// point down only, that a heavy dependency has one owner, that the top level
// holds what it may hold and that every package says what it promises.
package tidy
