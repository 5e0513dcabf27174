// Copyright The Sluice Authors.
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Do carries out one command of a story, lets the controller come to rest,
// and shows what a user would see.
func (w *World) Do(cmd string, args map[string]string, input string) string {
	err := w.Act(cmd, args, input)
	switch {
	case err != nil && w.Rollout() != nil:
		return "error: " + err.Error() + "\n" + w.Show()
	case err != nil:
		return "error: " + err.Error() + "\n"
	case views[cmd] != nil:
		return views[cmd](w)
	case w.Manual:
		return w.Breached()
	}
	return w.Show() + w.Breached()
}

// Act carries out one command, and lets the controller come to rest unless
// that is done by hand.
func (w *World) Act(cmd string, args map[string]string, input string) error {
	w.verb = cmd
	if err := w.do(cmd, args, input); err != nil || w.Manual {
		return err
	}
	return w.moment()
}

// moment lets the loops work until there is nothing to do, and what may wait a
// little be done too.
func (w *World) moment() error {
	if err := w.Settle(); err != nil {
		return err
	}
	return w.Tick(500 * time.Millisecond)
}

// Breached tells the breaches since the last time, "" for none.
func (w *World) Breached() string {
	var text string
	for _, b := range w.Breaches {
		text += "BREACH " + w.named(b) + "\n"
	}
	w.Breaches = nil
	return text
}

// verbs of stories. Each does what its name says, as a user, a client or the
// cluster would.
var verbs = map[string]func(*World, map[string]string, string) error{
	"first":  func(w *World, args map[string]string, input string) error { return w.Apply(Shop(args["mesh"], input)) },
	"shop":   (*World).doShop,
	"given":  (*World).doGiven,
	"apply":  func(w *World, _ map[string]string, input string) error { return w.Apply(input) },
	"deploy": func(w *World, args map[string]string, _ string) error { return w.Image(args["image"]) },
	"ready":  (*World).doReady,
	"wait": func(w *World, args map[string]string, _ string) error {
		d, err := time.ParseDuration(args["for"])
		if err != nil {
			return err
		}
		if w.Manual {
			w.Clock.Step(d)
			w.replace()
			w.revertDue()
			w.deliverAll()
			return nil
		}
		return w.Tick(d)
	},
	// What follows is the simulation's: with manual, nothing happens by itself.
	"manual": func(w *World, _ map[string]string, _ string) error { w.Manual = true; return nil },
	"auto": func(w *World, _ map[string]string, _ string) error {
		w.Manual, w.fail, w.crash = false, "", 0
		clear(w.asleep)
		clear(w.blind)
		w.Pods()
		w.Deliver()
		return nil
	},
	"sync": func(w *World, args map[string]string, _ string) error {
		for loop := range strings.SplitSeq(args["loop"], "+") {
			w.Sync(loop)
		}
		return nil
	},
	"sync-twice": func(w *World, args map[string]string, _ string) error { w.SyncTwice(args["loop"]); return nil },
	"hold":       func(w *World, args map[string]string, _ string) error { w.Hold(args["resource"]); return nil },
	"deliver":    func(w *World, _ map[string]string, _ string) error { w.Deliver(); return nil },
	"sleep": func(w *World, args map[string]string, _ string) error {
		w.asleep[args["controller"]] = true
		return nil
	},
	"blind": func(w *World, args map[string]string, _ string) error { w.blind[args["resource"]] = true; return nil },
	"awake": func(w *World, _ map[string]string, _ string) error {
		clear(w.asleep)
		clear(w.blind)
		w.Pods()
		return nil
	},
	"fail": (*World).failNext,
	"hang": (*World).doHang,
	"quota": func(w *World, args map[string]string, _ string) error {
		w.API.Quota = args["full"] == "true"
		return nil
	},
	"crash": func(w *World, args map[string]string, _ string) error {
		n, err := strconv.Atoi(args["after"])
		w.CrashAfter(n)
		return err
	},
	"scale": func(w *World, args map[string]string, _ string) error {
		return w.PatchSpec(`{"spec":{"replicas":` + args["to"] + `}}`)
	},
	"autoscaler": (*World).doAutoscaler,
	"spec":       func(w *World, _ map[string]string, input string) error { return w.PatchSpec(input) },
	"status":     func(w *World, _ map[string]string, input string) error { return w.PatchStatus(input) },
	"promote":    func(w *World, _ map[string]string, _ string) error { return w.Promote() },
	"skip":       (*World).skip,
	"promote-full": func(w *World, _ map[string]string, _ string) error {
		return w.PatchStatus(`{"status":{"promoteFull":true}}`)
	},
	"abort": func(w *World, _ map[string]string, _ string) error { return w.PatchStatus(`{"status":{"abort":true}}`) },
	"retry": func(w *World, _ map[string]string, _ string) error {
		return w.PatchStatus(`{"status":{"abort":false}}`)
	},
	"pause":        func(w *World, _ map[string]string, _ string) error { return w.PatchSpec(`{"spec":{"paused":true}}`) },
	"unpause":      func(w *World, _ map[string]string, _ string) error { return w.PatchSpec(`{"spec":{"paused":false}}`) },
	"delete":       func(w *World, _ map[string]string, _ string) error { return w.DeleteRollout() },
	"disown":       (*World).disown,
	"restart":      (*World).doRestart,
	"undo":         func(w *World, args map[string]string, _ string) error { return w.Undo(args["to"]) },
	"remove":       (*World).remove,
	"restore":      (*World).restore,
	"migrate":      (*World).doMigrate,
	"resize":       (*World).doResize,
	"resize-set":   (*World).resizeSet,
	"steps":        (*World).steps,
	"touch":        (*World).touch,
	"point":        (*World).point,
	"weigh":        (*World).weighByHand,
	"annotate":     (*World).doAnnotate,
	"plant":        (*World).doPlant,
	"label-pods":   (*World).doLabelPods,
	"rehash":       (*World).doRehash,
	"drop-managed": (*World).dropManaged,
	"edit-route":   (*World).editRoute,
	"neighbour":    (*World).doNeighbour,
	"add-parent":   (*World).addParent,
	"reverter":     (*World).doReverter,
	"revert":       func(w *World, args map[string]string, _ string) error { return w.Revert(args["by"], args["of"]) },
	"stop-controller": func(w *World, _ map[string]string, _ string) error {
		w.down = true
		return nil
	},
	"restart-controller": func(w *World, args map[string]string, _ string) error {
		w.unread = args["unread"] == "workloads"
		w.Restart()
		return nil
	},
	"acks":        (*World).doAcks,
	"ack-timeout": (*World).doAckTimeout,
}

// views show something else than what a user sees first.
var views = map[string]func(*World) string{
	"conditions":     (*World).ShowConditions,
	"managed":        (*World).ShowManaged,
	"weights":        (*World).ShowWeights,
	"writes":         (*World).ShowWrites,
	"duration":       (*World).ShowDuration,
	"show-scale":     (*World).ShowScale,
	"show-route":     (*World).ShowRoute,
	"show-pods":      (*World).ShowPods,
	"show-revisions": (*World).ShowRevisions,
	"show":           (*World).Show,
}

func (w *World) do(cmd string, args map[string]string, input string) error {
	verb, ok := verbs[cmd]
	if views[cmd] != nil {
		return nil
	}
	if !ok {
		return fmt.Errorf("no verb %q", cmd)
	}
	return verb(w, args, input)
}

// doShop deploys a shop and makes v1 healthy, without a word about it.
func (w *World) doShop(args map[string]string, input string) error {
	if err := w.Apply(Shop(args["mesh"], input)); err != nil {
		return err
	}
	if err := w.Settle(); err != nil {
		return err
	}
	w.Ready("v1", All)
	defer w.Events()
	return w.Tick(8 * time.Second)
}

// doReady sets how many pods of each version are ready: ready v1=all v2=2.
func (w *World) doReady(args map[string]string, _ string) error {
	for image, count := range args {
		if count == "all" {
			w.Ready(image, All)
			continue
		}
		n, err := strconv.ParseInt(count, 10, 32)
		if err != nil {
			return err
		}
		w.Ready(image, int32(n))
	}
	return nil
}

// doAcks lets data planes die and come back, or refuse what they get: acks
// on=false, acks on=true of=httproutes; acks refuse=BadValue is about what is
// written from now on, with on=true about what is there too, and with
// part=ResolvedRefs or PartiallyInvalid about no more than a part of it. The parent
// silent=old does not answer from now on.
func (w *World) doAcks(args map[string]string, _ string) error {
	w.refusal, w.refused = args["refuse"], args["part"]
	if silent, said := args["silent"]; said {
		w.silent = silent
	}
	for resource := range w.caches {
		if !isRoute(resource) || args["of"] != "" && args["of"] != resource.Resource {
			continue
		}
		w.mute[resource.Resource] = args["on"] == "false"
		for key := range w.API.objects[resource] {
			if args["on"] == "true" || args["on"] == "" && w.refusal == "" {
				w.Ack(resource, key)
			}
		}
	}
	return nil
}

// doAckTimeout starts the controller again with that --ack-timeout.
func (w *World) doAckTimeout(args map[string]string, _ string) error {
	d, err := time.ParseDuration(args["for"])
	if err != nil {
		return err
	}
	w.ackTimeout = d
	w.Restart()
	return nil
}

// doHang: a webhook hangs on a risky write, which keeps the rollout's lock
// until hang on=false.
func (w *World) doHang(args map[string]string, _ string) error {
	if args["on"] == "false" {
		w.unhang()
		return nil
	}
	release, ok := w.Controller.Desk.Locks.Try(Key, func() {})
	if !ok {
		return fmt.Errorf("a write hangs already")
	}
	w.unhang = release
	return nil
}
