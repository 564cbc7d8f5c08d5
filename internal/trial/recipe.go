//go:build linux

package trial

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"twomsl/internal/peer"
	"twomsl/internal/record"
	"twomsl/internal/scenario"
	"twomsl/internal/sysctl"
)

// Recipe is what is to be written on either side after the scenario's own settings, in order.
type Recipe = record.SidePair[[]sysctl.Setting]

// shares tells whether both sides are in one network namespace, and so have one set of settings.
func shares(t scenario.Topology) bool { return t == scenario.Loopback || t == scenario.Host }

// CheckRecipe tells what of a recipe cannot be, all at once: where both sides share a namespace, a key cannot have a value
// for each of them.
func CheckRecipe(t scenario.Topology, recipe Recipe) error {
	if !shares(t) {
		return nil
	}
	var wrong []error
	servers := sysctl.Settings(recipe.Server)
	for _, c := range sysctl.Settings(recipe.Client) {
		i := slices.IndexFunc(servers, func(s sysctl.Setting) bool { return s.Key == c.Key })
		if i >= 0 && !sysctl.Same(c.Key, c.Value, servers[i].Value) {
			wrong = append(wrong, fmt.Errorf("%s%s = %s on the client and %s on the server: with topology %s both are in one "+
				"network namespace, which has one value; give one for both, or use --topology veth",
				c.Place(), c.Key, c.Value, servers[i].Value, t))
		}
	}
	return errors.Join(wrong...)
}

// merged is a recipe for one namespace: the client's settings, then those that only the server has.
func merged(recipe Recipe) []sysctl.Setting {
	out := sysctl.Settings(recipe.Client)
	for _, s := range sysctl.Settings(recipe.Server) {
		if !slices.ContainsFunc(out, func(c sysctl.Setting) bool { return c.Key == s.Key }) {
			out = append(out, s)
		}
	}
	return out
}

// StrictError says which settings of a recipe could not be had, where all of them must.
type StrictError struct {
	Problems []string // one for each setting, with its place, its side and the reason
}

func (e *StrictError) Error() string {
	return "not every setting can be had, and --strict asks for all:\n" + strings.Join(e.Problems, "\n")
}

// writeSettings gives both sides their settings: the scenario's own, then the recipe's.
func (r *run) writeSettings() error {
	if err := CheckRecipe(r.scenario.Topology, r.opt.Recipe); err != nil {
		return err
	}
	write := r.writeApart
	switch r.scenario.Topology {
	case scenario.Host:
		write = r.writeHost
	case scenario.Loopback:
		write = r.writeShared
	case scenario.Hosts:
		write = r.writeHosts
	}
	if err := write(); err != nil {
		return err
	}
	for _, s := range r.sides() {
		s.sysctls.Refused = append(slices.Clone(s.sysctls.Refused), refusals(s.sysctls.Asked)...)
	}
	if r.opt.Strict {
		return r.strict()
	}
	return nil
}

// writeApart: each side has a namespace of its own.
func (r *run) writeApart() error {
	type part struct {
		*side
		own    map[string]string
		recipe []sysctl.Setting
	}
	parts := []part{
		{r.client, r.scenario.Sysctl.Client, r.opt.Recipe.Client},
		{r.server, r.scenario.Sysctl.Server, r.opt.Recipe.Server},
	}
	if r.relay != nil {
		parts = append(parts, part{r.relay, r.scenario.Sysctl.Relay, r.opt.Relay})
	}
	var both errgroup.Group
	for _, s := range parts {
		both.Go(func() error {
			settings, refused := r.settings(s.side, s.own)
			return r.writeSide(s.side, settings, s.recipe, refused, s.own)
		})
	}
	return both.Wait()
}

// writeShared writes both sides' settings once, since they have one namespace. What came of them is true of both; each
// is told of its own part of the recipe.
func (r *run) writeShared() error {
	client, server := r.scenario.Sysctl.Client, r.scenario.Sysctl.Server
	settings, refused := r.settings(r.server, client, server)
	if err := r.writeSide(r.server, settings, merged(r.opt.Recipe), refused, client, server); err != nil {
		return err
	}
	r.client.sysctls = r.server.sysctls
	r.share(r.server.sysctls.Asked)
	return nil
}

// writeSide has a side's peer write, and insists on what the scenario itself names.
func (r *run) writeSide(
	s *side, settings, recipe []sysctl.Setting, refused []record.SysctlRefusal, own ...map[string]string,
) (err error) {
	if len(settings)+len(recipe) > 0 {
		if s.sysctls, err = s.remote.Sysctls(r.hard, peer.Settings{Settings: settings, Recipe: recipe}); err != nil {
			return err
		}
	}
	s.sysctls.Refused = append(s.sysctls.Refused, refused...)
	return r.insist(s, own...)
}

// writeHost lends this host's settings to the run, where that was accepted. The scenario's own are never written there.
func (r *run) writeHost() (err error) {
	recipe := merged(r.opt.Recipe)
	var asked []record.SysctlAsked
	if len(recipe) > 0 {
		if r.opt.Host == nil {
			return errors.New("this host's own settings are not changed unless that is accepted")
		}
		if r.loan, asked, err = r.opt.Host.Lend(recipe); err != nil {
			return err
		}
	}
	var changed []record.SysctlChange
	var has []string // what the recipe has decided
	for _, q := range asked {
		if q.Reason == "" {
			has = append(has, q.Key)
		}
		if q.Value != nil && q.Before != nil && *q.Value != *q.Before {
			c := record.SysctlChange{Key: q.Key, Default: *q.Before, Asked: *q.Value, Value: *q.Value}
			if q.Reason != "" {
				c.Asked = q.Asked
			}
			changed = append(changed, c)
		}
	}
	r.share(asked)
	for _, s := range []struct {
		*side
		own map[string]string
	}{{r.client, r.scenario.Sysctl.Client}, {r.server, r.scenario.Sysctl.Server}} {
		settings, _ := r.settings(s.side, s.own)
		settings = slices.DeleteFunc(settings, func(w sysctl.Setting) bool { return slices.Contains(has, w.Key) })
		if s.absent == "" {
			s.sysctls.Changed, s.sysctls.Refused = changed, differing(settings, s.hello.Defaults)
		}
	}
	return nil
}

// giveBack puts this host's settings back, where they were lent.
func (r *run) giveBack() error {
	if r.loan == nil {
		return nil
	}
	_, err := r.loan.Return()
	return err
}

// share gives each side what became of its own part of a recipe that was written once for both.
func (r *run) share(asked []record.SysctlAsked) {
	of := func(part []sysctl.Setting) (out []record.SysctlAsked) {
		for _, s := range sysctl.Settings(part) {
			i := slices.IndexFunc(asked, func(q record.SysctlAsked) bool { return q.Key == s.Key })
			q := asked[i]
			q.Asked, q.Optional = s.Value, s.Optional
			out = append(out, q)
		}
		return out
	}
	r.client.sysctls.Asked, r.server.sysctls.Asked = of(r.opt.Recipe.Client), of(r.opt.Recipe.Server)
}

// refusals are the settings of a recipe that could not be had.
func refusals(asked []record.SysctlAsked) (out []record.SysctlRefusal) {
	for _, q := range asked {
		if q.Reason == "" {
			continue
		}
		why := q.Reason
		if q.Optional {
			why += " (marked with -: to be ignored)"
		}
		out = append(out, record.SysctlRefusal{Key: q.Key, Asked: q.Asked, Reason: why})
	}
	return out
}

// strict tells of every setting that could not be had and is not marked as optional.
func (r *run) strict() error {
	client := complaints(r.opt.Recipe.Client, r.client.sysctls.Asked)
	server := complaints(r.opt.Recipe.Server, r.server.sysctls.Asked)
	var e StrictError
	for _, text := range client {
		if slices.Contains(server, text) {
			text += " (both sides)"
		} else {
			text += " (on the client)"
		}
		e.Problems = append(e.Problems, text)
	}
	for _, text := range server {
		if !slices.Contains(client, text) {
			e.Problems = append(e.Problems, text+" (on the server)")
		}
	}
	if r.relay != nil {
		for _, text := range complaints(r.opt.Relay, r.relay.sysctls.Asked) {
			e.Problems = append(e.Problems, text+" (on the relay)")
		}
	}
	if len(e.Problems) == 0 {
		return nil
	}
	return &e
}

// complaints are the settings that had to be had and could not, each with its place.
func complaints(recipe []sysctl.Setting, asked []record.SysctlAsked) (out []string) {
	for _, s := range sysctl.Settings(recipe) {
		for _, q := range asked {
			if q.Key == s.Key && q.Reason != "" && !q.Optional {
				out = append(out, fmt.Sprintf("%s%s = %s: %s", s.Place(), q.Key, q.Asked, q.Reason))
			}
		}
	}
	return out
}
