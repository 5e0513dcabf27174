package playground

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const stopGrace = 5 * time.Second // then a child is killed

// Process is a child that dies with this process.
type Process struct {
	name    string
	cmd     *exec.Cmd
	stopped atomic.Bool
	done    chan struct{}
}

// Run starts a program as a part of the playground: its output goes to
// logs/name.log, Stop ends it, and its own end is reported by Failed.
func (p *Playground) Run(name, program string, args ...string) (*Process, error) {
	return p.run(name, exec.Command(program, args...))
}

func (p *Playground) run(name string, cmd *exec.Cmd) (*Process, error) {
	// A part that is started again goes on in the same log.
	logs, err := os.OpenFile(filepath.Join(p.Dir, "logs", name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer logs.Close()
	cmd.Stdout, cmd.Stderr = logs, logs
	// Own group: a Ctrl-C is ours alone, so that we can end the parts in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	child := &Process{name: name, cmd: cmd, done: make(chan struct{})}
	go func() {
		err := cmd.Wait()
		close(child.done)
		if !child.stopped.Load() {
			p.fail(fmt.Errorf("%s ended by itself (%w), its last words:\n%s", name, orDone(err), tail(logs.Name())))
		}
	}()
	p.onStop(child.Stop)
	return child, nil
}

// Stop ends the process and waits for it.
func (c *Process) Stop() { c.end(syscall.SIGTERM) }

// Kill ends the process as a power cut would.
func (c *Process) Kill() { c.end(syscall.SIGKILL) }

func (c *Process) end(signal syscall.Signal) {
	c.stopped.Store(true)
	_ = c.cmd.Process.Signal(signal)
	select {
	case <-c.done:
	case <-time.After(stopGrace):
		_ = c.cmd.Process.Kill()
		<-c.done
	}
}

func orDone(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// tail returns the last lines of a log.
func tail(file string) string {
	const most = 2000 // bytes
	content, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-most):])
}

// FreeAddress returns a loopback address that nobody listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
