// Command container is what the image's test runs below infuse: a static program
// that says where it is, and then does as it is told.
//
//	container exit N    end with that status
//	container wait      wait for a signal, without handling any
//	container roots     say whether Go finds the image's CA roots
package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	fmt.Printf("pid %d, parent %d, uid %d, gid %d\n", os.Getpid(), os.Getppid(), os.Getuid(), os.Getgid())
	for _, entry := range os.Environ() {
		fmt.Println("env", entry)
	}
	fmt.Println("ready")
	switch {
	case len(os.Args) == 3 && os.Args[1] == "exit":
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	case len(os.Args) == 2 && os.Args[1] == "wait":
		time.Sleep(5 * time.Minute) // a lost child must not outlive its test for ever
	case len(os.Args) == 2 && os.Args[1] == "roots":
		pool, err := x509.SystemCertPool()
		if err != nil {
			fmt.Println("roots:", err)
			os.Exit(1)
		}
		if pool.Equal(x509.NewCertPool()) {
			fmt.Println("no roots")
			os.Exit(1)
		}
		fmt.Println("roots found")
	}
}
