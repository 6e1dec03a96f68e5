package runner

func quietly(f func()) { f() }
