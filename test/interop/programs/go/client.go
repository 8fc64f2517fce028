// A client on golang.org/x/crypto/ssh that sends to a device that echoes.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

type task struct {
	Host, User, Method, Password, KeyFile, CertificateFile, Agent string
	Port, Bytes, Channels, Idle                                    int
	Rekey                                                          uint64
	Hold                                                           bool
}

type channel struct {
	ssh.Channel
	status chan int
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var given task
	must(json.Unmarshal([]byte(os.Args[len(os.Args)-1]), &given))
	config := &ssh.ClientConfig{User: given.User, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Auth: []ssh.AuthMethod{proof(given)}}
	config.RekeyThreshold = given.Rekey
	client, err := ssh.Dial("tcp", fmt.Sprintf("%s:%d", given.Host, given.Port), config)
	must(err)
	var channels []channel
	for range make([]int, given.Channels) {
		channels = append(channels, open(client))
	}
	all(channels, given.Bytes)
	if given.Idle > 0 {
		time.Sleep(time.Duration(given.Idle) * time.Millisecond)
		all(channels, 1000)
	}
	fmt.Println("echoed")
	if given.Hold {
		time.Sleep(10 * time.Minute)
	}
	var statuses []int
	for _, each := range channels {
		must(each.CloseWrite())
		statuses = append(statuses, <-each.status)
	}
	must(client.Close())
	text, _ := json.Marshal(statuses)
	fmt.Println("statuses", string(text))
}

func proof(given task) ssh.AuthMethod {
	switch given.Method {
	case "password":
		return ssh.Password(given.Password)
	case "keyboard-interactive":
		return ssh.KeyboardInteractive(func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for at := range answers {
				answers[at] = given.Password
			}
			return answers, nil
		})
	case "agent":
		connection, err := net.Dial("unix", given.Agent)
		must(err)
		return ssh.PublicKeysCallback(agent.NewClient(connection).Signers)
	}
	text, err := os.ReadFile(given.KeyFile)
	must(err)
	signer, err := ssh.ParsePrivateKey(text)
	must(err)
	if given.CertificateFile != "" {
		text, err = os.ReadFile(given.CertificateFile)
		must(err)
		certificate, _, _, _, err := ssh.ParseAuthorizedKey(text)
		must(err)
		signer, err = ssh.NewCertSigner(certificate.(*ssh.Certificate), signer)
		must(err)
	}
	return ssh.PublicKeys(signer)
}

func open(client *ssh.Client) channel {
	opened, requests, err := client.OpenChannel("session", nil)
	must(err)
	taken, err := opened.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"netconf"}))
	must(err)
	if !taken {
		must(fmt.Errorf("there is no subsystem netconf"))
	}
	status := make(chan int, 1)
	go func() {
		for request := range requests {
			if request.Type == "exit-status" {
				status <- int(binary.BigEndian.Uint32(request.Payload))
			}
		}
		close(status)
	}()
	return channel{opened, status}
}

func all(channels []channel, size int) {
	done := make(chan error)
	for seed, each := range channels {
		go func(each channel, seed int) { done <- echo(each, size, seed) }(each, seed)
	}
	for range channels {
		must(<-done)
	}
}

func echo(on channel, size, seed int) error {
	sent := make([]byte, size/4*4)
	for at := 0; at < len(sent); at += 4 {
		binary.BigEndian.PutUint32(sent[at:], uint32(at*2654435761+seed*97))
	}
	go on.Write(sent)
	heard := make([]byte, len(sent))
	if _, err := io.ReadFull(on, heard); err != nil {
		return err
	}
	if !bytes.Equal(heard, sent) {
		return fmt.Errorf("other octets came back than were sent")
	}
	return nil
}
