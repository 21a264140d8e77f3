package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// The exit codes. Scripts branch on them, so they never change.
const (
	exitDone         = 0
	exitError        = 1
	exitUsage        = 2
	exitNotFound     = 3
	exitConflict     = 4
	exitWindow       = 5
	exitPrecondition = 6
	exitPartial      = 7
	exitAborted      = 8
	exitTimeout      = 124
	// exitInterrupted is what shells expect of a program ended by Ctrl-C.
	exitInterrupted = 130
)

// codedError is an error with an exit code of its own. Without a message nothing
// is printed: the command has said it all.
type codedError struct {
	code    int
	message string
	err     error
}

func (e *codedError) Error() string { return e.message }

func (e *codedError) Unwrap() error { return e.err }

func exitf(code int, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &codedError{code: code, message: err.Error(), err: err}
}

func usagef(format string, args ...any) error { return exitf(exitUsage, format, args...) }

// misuse makes a usage error of what cobra found before a command began.
func misuse(cmd *cobra.Command, err error) error {
	var e *codedError
	if errors.As(err, &e) {
		return err
	}
	return usagef("%w; see %s --help", err, cmd.CommandPath())
}

// explain turns an error into an exit code and one helpful line.
func explain(err error, o *globalOptions) (int, string) {
	var e *codedError
	var p *api.Problem
	var u *url.Error
	switch {
	case errors.As(err, &e):
		return e.code, e.message
	case errors.As(err, &p):
		return codeOf(p.Code, p.Status), problemText(p)
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout, fmt.Sprintf("no answer within %s from %s; allow more with --timeout", o.timeout, o.shownAPI())
	case errors.Is(err, context.Canceled):
		return exitInterrupted, "interrupted"
	case errors.As(err, &u):
		return exitError, unreachable(u, o)
	case strings.HasPrefix(err.Error(), "required flag(s)"):
		return exitUsage, err.Error()
	}
	return exitError, err.Error()
}

// unreachable says why no answer came, and what to do about it.
func unreachable(u *url.Error, o *globalOptions) string {
	why, hint := lost(u)
	return fmt.Sprintf("cannot reach the ledger at %s: %s; %s", o.shownAPI(), why, hint)
}

// lost explains a request without an answer.
func lost(u *url.Error) (why, hint string) {
	var dns *net.DNSError
	var untrusted *tls.CertificateVerificationError
	hint = "start one with recall serve, or name it with --api or RECALL_API"
	switch {
	case errors.Is(u.Err, syscall.ECONNREFUSED):
		return "nothing listens there", hint
	case errors.As(u.Err, &dns):
		return "no such host", hint
	case errors.As(u.Err, &untrusted):
		return untrusted.Err.Error(), "to trust a certificate of your own, name its file in SSL_CERT_FILE"
	case errors.Is(u.Err, io.EOF), errors.Is(u.Err, io.ErrUnexpectedEOF), errors.Is(u.Err, syscall.ECONNRESET):
		return "it hung up before it answered", "look into its log"
	case strings.Contains(u.Err.Error(), "server gave HTTP response to HTTPS client"):
		return "it speaks HTTP, not HTTPS", "begin the URL with http://"
	}
	return u.Err.Error(), "check --api and RECALL_API"
}

// codeOf maps what the API or a preview refuses to an exit code.
func codeOf(code string, status int) int {
	switch ledger.Code(code) {
	case ledger.UnknownPush, ledger.UnknownDevice:
		return exitNotFound
	case ledger.AlreadyRecalled, "conflict":
		return exitConflict
	case ledger.WindowClosed:
		return exitWindow
	case ledger.NotScheduled, ledger.AlreadyStarted, ledger.TooManyRecalls, ledger.AudienceNotAllowed,
		ledger.ReplacementMissing, ledger.ReplacementPushTaken, ledger.WholeSends:
		return exitPrecondition
	}
	switch status {
	case http.StatusBadRequest: // an argument that only the ledger can judge
		return exitUsage
	case http.StatusNotFound:
		return exitNotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		return exitPrecondition
	case http.StatusGone:
		return exitWindow
	case http.StatusGatewayTimeout:
		return exitTimeout
	}
	return exitError
}

// problemText is one line: what is wrong, what stands in the way, what to do.
func problemText(p *api.Problem) string {
	text := p.Error()
	if p.Status == http.StatusUnauthorized {
		// The API's own words speak of HTTP headers.
		text = "this ledger wants a valid credential; give it with RECALL_TOKEN or --token"
	}
	if f := p.First; f != nil && !strings.Contains(text, f.Recall) {
		text += fmt.Sprintf(" (first: %s %s of %s)", f.Action, f.Recall, f.At.Local().Format(time.RFC3339))
	}
	if p.RetryAfter > 0 {
		text += fmt.Sprintf("; try again in %d s", p.RetryAfter)
	}
	if p.Code != "" {
		text += " [" + p.Code + "]"
	}
	return text
}
