//go:build linux

package trial

import "errors"

// profiles hands on what the sides' processes were doing.
func (r *run) profiles() (err error) {
	if r.opt.Profile == nil {
		return nil
	}
	for _, s := range []*side{r.client, r.server} {
		if s.result != nil && s.result.Profile != nil {
			err = errors.Join(err, r.opt.Profile(s.name, s.result.Profile))
		}
	}
	return err
}
