// A server on golang.org/x/crypto/ssh: echoes on its subsystem netconf, and ends that with an exit status.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

type given struct {
	HostKeys       []string
	Password       string
	AuthorizedKeys []string
	UserCa         string
	Status         uint32
	Rekey          uint64
}

func main() {
	var task given
	must(json.Unmarshal([]byte(os.Args[1]), &task))
	ports, _ := json.Marshal(map[string]int{"usual": listen(task, 0), "rekey": listen(task, task.Rekey)})
	fmt.Println("ports", string(ports))
	select {}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func listen(task given, rekey uint64) int {
	config := configOf(task)
	config.RekeyThreshold = rekey
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go func() {
		for {
			connection, err := listener.Accept()
			must(err)
			go serve(connection, config, task.Status)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

func configOf(task given) *ssh.ServerConfig {
	refused := errors.New("refused")
	known := func(key ssh.PublicKey) bool {
		for _, line := range task.AuthorizedKeys {
			if accepted, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err == nil && bytes.Equal(accepted.Marshal(), key.Marshal()) {
				return true
			}
		}
		return false
	}
	ca, _, _, _, err := ssh.ParseAuthorizedKey([]byte(task.UserCa))
	must(err)
	checker := &ssh.CertChecker{
		IsUserAuthority: func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), ca.Marshal()) },
		UserKeyFallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if meta.User() == "key" && known(key) {
				return nil, nil
			}
			return nil, refused
		},
	}
	config := &ssh.ServerConfig{
		PublicKeyCallback: checker.Authenticate,
		PasswordCallback: func(meta ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if meta.User() == "password" && string(password) == task.Password {
				return nil, nil
			}
			return nil, refused
		},
		KeyboardInteractiveCallback: func(meta ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err == nil && meta.User() == "typed" && strings.Join(answers, ",") == task.Password {
				return nil, nil
			}
			return nil, refused
		},
	}
	for _, path := range task.HostKeys {
		text, err := os.ReadFile(path)
		must(err)
		key, err := ssh.ParsePrivateKey(text)
		must(err)
		config.AddHostKey(key)
	}
	return config
}

func serve(connection net.Conn, config *ssh.ServerConfig, status uint32) {
	_, channels, requests, err := ssh.NewServerConn(connection, config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		go func() {
			for request := range asked {
				isSubsystem := request.Type == "subsystem"
				request.Reply(isSubsystem, nil)
				if isSubsystem {
					go echo(channel, status)
				}
			}
		}()
	}
}

func echo(channel ssh.Channel, status uint32) {
	if _, err := io.Copy(channel, channel); err == nil {
		channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		channel.CloseWrite()
	}
	channel.Close()
}
