package runner

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Terminated is the cause of a context that a signal ended. The process should now die of it: [Raise].
type Terminated struct{ Signal syscall.Signal }

func (t Terminated) Error() string { return "terminated by signal " + SignalName(t.Signal) }

// CatchTermination returns a context that the first signal cancels that would end a program without handlers (SIGTERM,
// SIGINT, SIGHUP, SIGQUIT, SIGUSR1, ...), with cause [Terminated].
// A second signal takes its default action, in case the first one did not get through. SIGINT and SIGHUP stay ignored
// where they were inherited ignored: that is what nohup and a script's background job rely on.
//
// release gives the signals back and returns Terminated if one came before that; it may be called more than once. It
// leaves the context as it is.
func CatchTermination(parent context.Context) (ctx context.Context, release func() error) {
	ctx, cancel := context.WithCancelCause(parent)
	caught := make(chan os.Signal, 8)
	signal.Notify(caught, notIgnored(lethal)...)

	quit, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		select {
		case s := <-caught:
			signal.Stop(caught)
			cancel(Terminated{s.(syscall.Signal)})
		case <-quit:
		}
	}()
	var once sync.Once
	return ctx, func() error {
		once.Do(func() {
			signal.Stop(caught) // nothing is delivered any more when it returns
			close(quit)
			<-finished
			select {
			case s := <-caught:
				cancel(Terminated{s.(syscall.Signal)})
			default:
			}
		})
		if t, ok := context.Cause(ctx).(Terminated); ok {
			return t
		}
		return nil
	}
}

// notIgnored drops the signals that were ignored when the process started. Go keeps that for SIGHUP and SIGINT only.
func notIgnored(signals []os.Signal) []os.Signal {
	kept := make([]os.Signal, 0, len(signals))
	for _, s := range signals {
		if !signal.Ignored(s) {
			kept = append(kept, s)
		}
	}
	return kept
}
