package main

import (
	"errors"
	"fmt"
	"io/fs"

	"watchpost/agent/people"
	"watchpost/configs"
)

// passwordCommand is for whoever stands before the gateway and may write its
// data directory: that is the right to choose the page's password.
type passwordCommand struct {
	Config string `default:"/etc/watchpost/watchpost.yaml" placeholder:"FILE" help:"The configuration, ${default} unless given."`
	Reset  bool   `help:"Forget the password, end all sessions and make a new one-time code."`
	Lang   string `enum:"zh,en,auto" default:"auto" help:"Language: zh, en, or auto for the locale's."`
}

// Run prints the one-time code with which the page's password is chosen.
func (c passwordCommand) Run(to streams) error {
	l := languageFor(c.Lang)
	cfg, err := load(c.Config, to, l)
	if err != nil {
		return err
	}
	if c.Reset {
		if err := people.Reset(cfg.Data); err != nil {
			return err
		}
	}
	code, err := people.Code(cfg.Data)
	if errors.Is(err, fs.ErrNotExist) {
		text := configs.Words{Zh: "没有安装码：密码已经设置，或网关还没有启动过", En: "there is no one-time code: a password has been chosen, or the agent has never run"}
		hint := configs.Words{Zh: "忘记密码时用 watchpost password --reset", En: "a forgotten password: watchpost password --reset"}
		return &failure{exitError, errors.New(text.In(l)), hint.In(l)}
	}
	if err != nil {
		return err
	}
	text := configs.Words{Zh: "一次性安装码：%s\n在网页上点“设置密码”，输入它和新密码。\n", En: "one-time code: %s\nOn the page choose \"Set up\", enter it and a new password.\n"}
	if _, err := fmt.Fprintf(to.out, text.In(l), code); err != nil {
		return fmt.Errorf("print one-time code: %w", err)
	}
	return nil
}
