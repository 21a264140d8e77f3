package harmony

// partlyRevoked is the revoke call's code for "partly wrong". The page says no
// more than that the message of the answer gives a hint: whether it names tokens,
// as the send call's does, is unverified. It is read in that form, and where it
// has another one nothing is known of any device. A revoke call in the vendor's
// sandbox with one good token and one of another app would verify it.
const partlyRevoked = "80100020"

// deadCause is the cause that is taken to mean that a token is dead. The page says
// that its format is wrong and that the app must apply for another; that an
// uninstalled app's token gets this cause is unverified, so most dead tokens may
// well go unnoticed. A send to an app that was uninstalled would tell.
const deadCause = "tokenFormatError"
