package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// view is what people see of the demo.
type view interface {
	say(format string, args ...any) // what happened
	show(act, scene)                // what is
	close()                         // leaves what was said; a later show opens it again
}

// newView is a live one on a terminal that is large enough.
func newView(out *os.File, start time.Time, rate int) view {
	l := &lines{out: out, start: start}
	size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	if err != nil || os.Getenv("TERM") == "dumb" || size.Col < panelWidth || size.Row < panelHeight+2 {
		return l
	}
	_, plain := os.LookupEnv("NO_COLOR")
	return &screen{lines: l, rate: rate, paint: paint{plain: plain}}
}

// lines are plain text, one line for each thing that happens.
type lines struct {
	out   io.Writer
	start time.Time
}

func (l *lines) elapsed() string {
	s := int(time.Since(l.start).Seconds())
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

func (l *lines) say(format string, args ...any) {
	fmt.Fprintf(l.out, "%s  %s\n", l.elapsed(), fmt.Sprintf(format, args...))
}

func (l *lines) show(act, scene) {}
func (l *lines) close()          {}

// screen keeps a panel below the lines, and paints it anew in place.
type screen struct {
	*lines
	rate   int
	paint  paint
	height int // lines of the panel that stands there now
}

const (
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	noWrap     = "\x1b[?7l" // a narrowed terminal cuts lines, so that their number stays
	wrap       = "\x1b[?7h"
	eraseRight = "\x1b[K"
	eraseBelow = "\x1b[J"
)

func (s *screen) say(format string, args ...any) {
	s.erase()
	s.lines.say(format, args...)
}

func (s *screen) show(a act, now scene) {
	panel := s.paint.panel(a, now, s.elapsed(), s.rate)
	// In one write, over the former panel, so that nothing flickers.
	fmt.Fprint(s.out, hideCursor+s.up()+noWrap+strings.Join(panel, eraseRight+"\n")+eraseRight+"\n"+wrap+eraseBelow)
	s.height = len(panel)
}

func (s *screen) close() {
	s.erase()
	fmt.Fprint(s.out, showCursor)
}

func (s *screen) erase() {
	if s.height > 0 {
		fmt.Fprint(s.out, s.up()+eraseBelow)
		s.height = 0
	}
}

// up goes to where the panel begins.
func (s *screen) up() string {
	if s.height == 0 {
		return ""
	}
	return fmt.Sprintf("\x1b[%dA\r", s.height)
}
