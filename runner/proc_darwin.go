package runner

import "golang.org/x/sys/unix"

// process is a line of the process list.
type process struct {
	identity
	ppid, pgid int
	dead       bool // a zombie
}

const zombie = 5 // SZOMB of <sys/proc.h>

// processes lists all processes of the system.
func processes() []process {
	all, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil
	}
	list := make([]process, 0, len(all))
	for i := range all {
		k := &all[i]
		start := uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec)
		list = append(list, process{
			identity: identity{pid: int(k.Proc.P_pid), start: start},
			ppid:     int(k.Eproc.Ppid), pgid: int(k.Eproc.Pgid), dead: k.Proc.P_stat == zombie,
		})
	}
	return list
}
