package gateway

import "watchpost/agent/people"

// people keeps the page's password in the data directory. Where that cannot be
// done nobody can log in; the page shows everything else all the same.
func (g *gateway) people() *people.Keeper {
	keeper, err := people.Open(g.cfg.Data, nil)
	if err != nil {
		g.log.Error("nobody can log in on the page", "err", err)
		return nil
	}
	if err := keeper.OpenLocal(); err != nil {
		g.log.Warn("watchpost read cannot show card readers", "err", err)
	}
	return keeper
}
