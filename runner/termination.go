package runner

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Terminated is the cause of a context that a signal ended. The process should now die of it: [Raise].
type Terminated struct{ Signal syscall.Signal }

func (t Terminated) Error() string { return "terminated by signal " + SignalName(t.Signal) }

// Termination is what becomes of a process when a signal arrives that ends a program without handlers (SIGTERM, SIGINT,
// SIGHUP, SIGQUIT, SIGUSR1, ...), until it starts COMMAND. SIGINT and SIGHUP stay ignored where they were inherited
// ignored: that is what nohup and a script's background job rely on.
//
// There are two states. From [NewTermination] on the kernel's default action is in place: the process dies of the signal
// at once, and nothing of COMMAND has started. That costs nothing, there is nothing to give back before an execve, and so
// no moment at which a signal is lost. Whoever has something to finish or to tidy up calls Catch before: from then on the
// signal cancels Context, with cause [Terminated]. A second signal takes its default action, in case the first one did
// not get through.
//
// Process 1, which the kernel protects from default actions, and systems other than Linux, where the Go runtime's
// handlers cannot be taken away, catch from the beginning. The methods may be called by any goroutine. A nil Termination
// leaves signals alone.
type Termination struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	kernel defaultActions

	mu       sync.Mutex
	caught   chan os.Signal // nil: not caught
	quit     chan struct{}
	finished chan struct{}
	released bool
}

// NewTermination puts the default actions in place. There must be only one at a time in a process, and Release has to be
// called at its end.
func NewTermination(parent context.Context) *Termination {
	t := new(Termination)
	t.ctx, t.cancel = context.WithCancelCause(parent)
	if os.Getpid() == 1 || !t.kernel.set(notIgnored(lethal)) {
		t.Catch()
	}
	return t
}

// Context ends when a signal was caught.
func (t *Termination) Context() context.Context { return t.ctx }

// Catch makes signals cancel Context instead of ending the process. It costs about half a millisecond: the Go runtime
// hands each signal over to a thread of its own, there and back. After the first time, and after Release, it does nothing.
func (t *Termination) Catch() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.caught != nil || t.released {
		return
	}
	t.caught, t.quit, t.finished = make(chan os.Signal, 8), make(chan struct{}), make(chan struct{})
	signal.Notify(t.caught, notIgnored(lethal)...)
	t.kernel.restore() // only now: in between a signal kills, as before
	go func() {
		defer close(t.finished)
		select {
		case s := <-t.caught:
			signal.Stop(t.caught)
			t.cancel(Terminated{s.(syscall.Signal)})
		case <-t.quit:
		}
	}()
}

// Default puts the default actions back for an execve, where Catch took them away, and returns Terminated if a signal was
// caught before that. Every signal is either caught or ends the process or the program that it becomes.
func (t *Termination) Default() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.caught != nil && !t.released && os.Getpid() != 1 {
		t.kernel.set(notIgnored(lethal))
	}
	return t.release()
}

// Release hands signals that were caught over to other handlers, or back to the Go runtime, and returns Terminated if one
// came before that. It may be called more than once. It leaves Context as it is.
func (t *Termination) Release() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.release()
}

func (t *Termination) release() error {
	if t.caught != nil && !t.released {
		signal.Stop(t.caught) // nothing is delivered any more when it returns
		close(t.quit)
		<-t.finished
		select {
		case s := <-t.caught:
			t.cancel(Terminated{s.(syscall.Signal)})
		default:
		}
	}
	t.released = true
	if terminated, ok := errors.AsType[Terminated](context.Cause(t.ctx)); ok {
		return terminated
	}
	return nil
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
