//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// childMain is the program that scripts start below infuse:
//
//	child env [NAME...]     print the environment, sorted, or these variables
//	child env0              the same, unsorted, each ended by NUL
//	child big FILE NAME N   write a dotenv file with a value of N bytes
//	child pid               print the process id
//	child exit N            exit with a status
//	child cat               copy stdin to stdout
//	child args ARG...       print the arguments, one a line, quoted
//	child serve [NAME...]   print "ready PID" and the variables, then wait; on TERM print "bye" and exit 0,
//	                        on HUP print "hup", on "exit N" from stdin exit
//	child stubborn          serve that ignores TERM
func childMain() {
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"env"}
	}
	switch args[0] {
	case "env":
		printEnvironment(args[1:])
	case "env0":
		for _, entry := range os.Environ() {
			fmt.Print(entry, "\x00")
		}
	case "big":
		size, _ := strconv.Atoi(args[3])
		_ = os.WriteFile(args[1], []byte(args[2]+"="+strings.Repeat("x", size)+"\n"), 0o600)
	case "pid":
		fmt.Println(os.Getpid())
	case "exit":
		code, _ := strconv.Atoi(args[1])
		os.Exit(code)
	case "cat":
		io.Copy(os.Stdout, os.Stdin)
	case "args":
		for _, arg := range args[1:] {
			fmt.Printf("%q\n", arg)
		}
	case "serve":
		serveChild(args[1:])
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		serveChild(nil)
	default:
		fmt.Fprintln(os.Stderr, "child: unknown command", args[0])
		os.Exit(99)
	}
}

func printEnvironment(names []string) {
	if len(names) == 0 {
		environ := os.Environ()
		slices.Sort(environ)
		fmt.Println(strings.Join(environ, "\n"))
		return
	}
	for _, name := range names {
		value, set := os.LookupEnv(name)
		if !set {
			fmt.Println(name, "is not set")
			continue
		}
		fmt.Printf("%s=%s\n", name, value)
	}
}

func serveChild(names []string) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT)
	if !signal.Ignored(syscall.SIGTERM) {
		signal.Notify(signals, syscall.SIGTERM)
	}
	if len(names) > 0 {
		printEnvironment(names)
	}
	fmt.Println("ready", os.Getpid())
	lines := make(chan string)
	go func() {
		scanner := bufio.NewScanner(os.Stdin)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	timeout := time.After(5 * time.Minute) // a lost child must not outlive its test for ever
	for {
		select {
		case sig := <-signals:
			switch sig {
			case syscall.SIGHUP:
				fmt.Println("hup")
			case syscall.SIGINT:
				fmt.Println("int")
			default:
				fmt.Println("bye")
				os.Exit(0)
			}
		case line := <-lines:
			if code, ok := strings.CutPrefix(line, "exit "); ok {
				n, _ := strconv.Atoi(code)
				os.Exit(n)
			}
		case <-timeout:
			os.Exit(98)
		}
	}
}
