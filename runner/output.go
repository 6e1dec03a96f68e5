package runner

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"infuse/runner/mask"
)

// flushPatience is how long the rest of a masked output may take once somebody has asked us to end: whoever reads it may
// have stopped doing so.
const flushPatience = time.Second

// openOutput makes the streams of the next child, where its output is masked.
func (t *tree) openOutput() error {
	if t.cfg.Streams == nil {
		return nil
	}
	child, err := t.cfg.Streams.Child()
	if err != nil {
		return fmt.Errorf("masking the output: %w", err)
	}
	if child.Fallback != nil {
		t.cfg.Log.Debug("the child has a pipe instead of a terminal", "reason", child.Fallback)
	}
	t.output = child
	return nil
}

// abortOutput takes the streams back of a child that did not start.
func (t *tree) abortOutput() {
	if t.output != nil {
		t.output.Abort()
		t.output = nil
	}
}

// stdio are the child's descriptors 0 to 2; nil stands for our own.
func (t *tree) stdio() [3]*os.File {
	if t.output != nil {
		return t.output.Files
	}
	return [3]*os.File{t.cfg.Stdin, t.cfg.Stdout, t.cfg.Stderr}
}

// session reports whether the child leads a session on a terminal that we made.
func (t *tree) session() bool { return t.output != nil && t.output.Session }

// helperOutput is the masked output of on-change commands, one at a time.
type helperOutput struct {
	end     *os.File      // until the command has it
	finish  func() error  // of the command that runs
	pending chan struct{} // closed when everything of the last one is out
}

// open makes the file that the next command writes to instead of our stderr; nil where nothing is masked.
func (h *helperOutput) open(streams *mask.Streams) (file *os.File, err error) {
	if streams != nil {
		h.end, h.finish, err = streams.Beside()
	}
	return h.end, err
}

// started: only the command holds the file now, or nobody.
func (h *helperOutput) started() {
	if h.end != nil {
		_ = h.end.Close()
		h.end = nil
	}
}

// ended lets out the rest while everything else goes on.
func (h *helperOutput) ended() {
	if finish := h.finish; finish != nil {
		done := make(chan struct{})
		h.finish, h.pending = nil, done
		go func() {
			defer close(done)
			_ = finish() // what nobody reads is lost
		}()
	}
}

// wait gives the last command's output some time.
func (h *helperOutput) wait() {
	h.ended()
	if h.pending != nil {
		select {
		case <-h.pending:
		case <-time.After(flushPatience):
		}
	}
}

// interrupted tells of Ctrl-C typed at a child with a session.
func (t *tree) interrupted() <-chan struct{} {
	if t.output == nil {
		return nil
	}
	return t.output.Interrupted()
}

// suspended tells of Ctrl-Z typed at a child with a session.
func (t *tree) suspended() <-chan struct{} {
	if t.output == nil {
		return nil
	}
	return t.output.Suspended()
}

// finishOutput passes on what the child has left in its pipes, and gives the terminal back, when nothing of the child is
// to be expected any more. A terminal is dead as soon as the leader of its session is.
//
// A reader that has stopped reading must not make us deaf: signals are still taken, and one that asks us to end limits
// the time, as one does that ended the child.
func (s *supervisor) finishOutput() {
	output := s.tree.output
	if output == nil || s.tree.alive || !output.Session && s.policy.phase != idle && s.policy.phase != ended {
		return
	}
	s.tree.output = nil
	finished := make(chan error, 1)
	go func() { finished <- output.Wait() }()
	limit := time.NewTimer(flushPatience)
	defer limit.Stop()
	limited := s.policy.quit || s.policy.beingAsked(time.Now())
	if !limited {
		limit.Stop()
	}
	for {
		select {
		case err := <-finished:
			if err != nil && !errors.Is(err, syscall.EPIPE) { // the child was told by SIGPIPE
				s.cfg.Log.Warn("not all of the output was passed on", "error", err)
			}
			return
		case sig := <-s.tree.signals:
			if s.signalled(sig) && !limited {
				limited = true
				limit.Reset(flushPatience)
			}
		case <-limit.C:
			output.Abandon()
			s.cfg.Log.Warn("nobody takes the rest of the output")
			return
		case <-s.done:
			s.done = nil
			s.policy.shutdown()
			limited = true
			limit.Reset(flushPatience)
		}
	}
}

// interrupted: a key asked the child to end, by the terminal that we made.
func (s *supervisor) interrupted() {
	s.policy.askedToEnd(time.Now(), Status{Signal: syscall.SIGINT}, false)
}
