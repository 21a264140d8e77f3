package embedded

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// logAdapter gives the server's log to slog and keeps the first fatal error:
// the server only logs it and goes on half alive.
type logAdapter struct {
	l *slog.Logger

	mu    sync.Mutex
	first error
	// lost is the last warning that a stream was left out.
	lost string
}

// notRecovered begins the server's warnings of streams that it leaves out.
const notRecovered = "Error recreating stream"

// warning returns why a stream was left out, as far as the server said.
func (a *logAdapter) warning() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost == "" {
		return "its log does not say why"
	}
	return a.lost
}

func (a *logAdapter) fatal() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first
}

func (a *logAdapter) Noticef(format string, v ...any) {
	a.l.Debug("nats server", "text", fmt.Sprintf(format, v...))
}

func (a *logAdapter) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	// The device listener may run without TLS behind a proxy or on loopback;
	// whether it may is decided and said by the node.
	if strings.Contains(text, "Websocket not configured with TLS") {
		a.l.Debug("nats server", "text", text)
		return
	}
	if text := strings.TrimSpace(text); strings.HasPrefix(text, notRecovered) {
		a.mu.Lock()
		a.lost = text
		a.mu.Unlock()
	}
	a.l.Warn("nats server", "text", text)
}

func (a *logAdapter) Errorf(format string, v ...any) {
	a.l.Error("nats server", "text", fmt.Sprintf(format, v...))
}

// client takes what a connection in the process reports on the side.
func (a *logAdapter) client(err error) {
	a.l.Debug("nats client", "error", err.Error())
}

func (a *logAdapter) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	a.mu.Lock()
	if a.first == nil {
		a.first = err
	}
	a.mu.Unlock()
	a.l.Error("nats server fatal", "error", err.Error())
}

func (a *logAdapter) Debugf(string, ...any) {}
func (a *logAdapter) Tracef(string, ...any) {}
