// Package channelstest is the contract that every channel adapter passes, driven
// by what its row of the matrix declares.
//
// It promises that an adapter which passes gives one result per device in order
// (L8), touches nothing for a method it does not have (L9), takes an end of its
// context seriously, may be called concurrently, keeps device tokens out of
// reasons and errors, and gets access tokens no more often than it must.
//
// It must never import an adapter, and is imported by tests only.
package channelstest
