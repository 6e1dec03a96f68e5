// Package watch says when to look again, and whether what was seen is worth
// acting upon. It never fetches and never compares environments by itself.
//
// A Watcher merges three sorts of hints into one quiet channel: the poll
// interval, project events of the server (server-sent events), and files on
// this machine. Its owner looks whenever an Event arrives and tells how the
// look went:
//
//	w := watch.Start(ctx, watch.Config{Interval: time.Minute, Files: []string{".env"}})
//	for ev := range w.C {
//		look, err := takeLook(ctx, ev)
//		w.Report(err)
//		...
//	}
//	w.Wait()
//
// A Confirm then decides what a look means. It is a pure state machine: servers
// exist whose reference expansion flickers (the same request is now and then
// answered with a value still holding ${...}, without any change), and servers
// that answer an empty list where a folder was renamed. A difference is acted
// upon only when further looks agree with it:
//
//	d := confirm.Look(look)
//	switch d.Do {
//	case watch.LookAgain:
//		w.LookAgain(d.After)
//	case watch.Act:
//		restart(d.Vars)
//	}
//
// Everything in the package runs on real or on virtual time
// (testing/synctest); nothing in it is global.
package watch
