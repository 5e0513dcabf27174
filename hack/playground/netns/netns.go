// Package netns runs a whole process tree in a network namespace of its own,
// without root: in there every address of a pod range can be listened on, and
// nothing of it can be reached from outside but what was inherited.
//
// It never touches the network of the machine: all that it changes lives and
// dies with the namespace.
package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	envInside = "PLAYGROUND_NETNS" // number of inherited listeners
	envProbe  = "PLAYGROUND_NETNS_PROBE"
	firstFD   = 3 // the first of exec.Cmd.ExtraFiles
)

// way is one way into a namespace.
type way struct {
	name  string
	flags uintptr
	root  bool // works for root only
}

var ways = [...]way{
	{name: "user and network namespace", flags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET},
	{name: "network namespace", flags: syscall.CLONE_NEWNET, root: true},
}

// IsInside tells whether this process is the one inside.
func IsInside() bool { return os.Getenv(envInside) != "" }

// Check tells whether a namespace can be had, and if not, why and what allows it.
func Check() error {
	_, err := find()
	return err
}

// Run executes this very program again, with the same arguments, inside a
// namespace, and returns its exit code. The given number of loopback listeners
// stays reachable from outside.
func Run(listeners int) (int, error) {
	w, err := find()
	if err != nil {
		return 1, err
	}
	cmd, err := w.command(fmt.Sprintf("%s=%d", envInside, listeners))
	if err != nil {
		return 1, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	for range listeners {
		file, err := listen()
		if err != nil {
			return 1, err
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	return run(cmd)
}

// run waits for the process inside. Signals are passed on, so that it is the
// one that decides how to end.
func run(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("start inside the namespace: %w", err)
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGINT || !isForeground() { // a terminal tells both of us
				_ = cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

// isForeground tells whether a terminal's Ctrl-C reaches this process group.
func isForeground() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == syscall.Getpgrp()
}

// listen opens a loopback listener that the process inside inherits.
func listen() (*os.File, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on loopback: %w", err)
	}
	defer l.Close() // File is a duplicate
	return l.(*net.TCPListener).File()
}

// find tries each way in, by a process that does nothing but set up its network.
func find() (way, error) {
	var tried []error
	for _, w := range ways {
		if w.root && os.Geteuid() != 0 {
			continue
		}
		cmd, err := w.command(envProbe + "=1")
		if err != nil {
			return way{}, err
		}
		out, err := cmd.CombinedOutput()
		if err == nil {
			return w, nil
		}
		tried = append(tried, fmt.Errorf("%s: %w %s", w.name, err, strings.TrimSpace(string(out))))
	}
	return way{}, fmt.Errorf("no network namespace to be had:\n%w\n%s", errors.Join(tried...), advice())
}

func (w way) command(env string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find own program: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: w.flags, Pdeathsig: syscall.SIGTERM}
	if w.flags&syscall.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	return cmd, nil
}

// advice names the settings that forbid user namespaces here.
func advice() string {
	var lines []string
	for _, s := range []struct{ file, forbids, allow string }{
		{"kernel/unprivileged_userns_clone", "0", "sudo sysctl kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=15000"},
		{"user/max_net_namespaces", "0", "sudo sysctl user.max_net_namespaces=15000"},
	} {
		value, err := os.ReadFile("/proc/sys/" + s.file)
		if err == nil && strings.TrimSpace(string(value)) == s.forbids {
			lines = append(lines, "  "+s.allow)
		}
	}
	if len(lines) == 0 {
		return "user namespaces are forbidden by something else (a container's seccomp profile?): run it outside of that, or as root"
	}
	return "to allow it:\n" + strings.Join(lines, "\n")
}

func inherited() int {
	n, err := strconv.Atoi(os.Getenv(envInside))
	if err != nil {
		return 0
	}
	return n
}
