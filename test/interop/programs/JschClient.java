import com.jcraft.jsch.ChannelSubsystem;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.JSchException;
import com.jcraft.jsch.Session;
import com.jcraft.jsch.UIKeyboardInteractive;
import com.jcraft.jsch.UserInfo;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** A client on JSch that sends to a device that echoes; client_task.h says what its words are. */
class JschClient {
  private static final int PATIENCE = 20_000;

  public static void main(String[] words) throws Exception {
    String method = words[3];
    JSch.setConfig("StrictHostKeyChecking", "no");
    JSch library = new JSch();
    if (!words[5].isEmpty()) library.addIdentity(words[5]);
    Session session = library.getSession(words[2], words[0], Integer.parseInt(words[1]));
    boolean typed = method.equals("password") || method.equals("keyboard-interactive");
    session.setConfig("PreferredAuthentications", typed ? method : "publickey");
    if (typed) session.setUserInfo(new Answers(words[4]));
    if (method.equals("password")) session.setPassword(words[4]);
    session.connect(PATIENCE);
    int bytes = Integer.parseInt(words[7]);
    List<ChannelSubsystem> channels = new ArrayList<>();
    List<InputStream> outputs = new ArrayList<>();
    List<OutputStream> inputs = new ArrayList<>();
    for (int at = 0; at < Integer.parseInt(words[8]); at++) {
      ChannelSubsystem channel = (ChannelSubsystem) session.openChannel("subsystem");
      channel.setSubsystem("netconf");
      outputs.add(channel.getInputStream());
      inputs.add(channel.getOutputStream());
      channel.connect(PATIENCE);
      channels.add(channel);
    }
    boolean rekeys = !words[10].equals("0");
    echoAll(outputs, inputs, rekeys ? bytes / 2 : bytes);
    if (rekeys) {
      // Between two transfers: in the middle of one it blocks itself, with OpenSSH's server, too.
      session.rekey();
      echoAll(outputs, inputs, bytes / 2);
    }
    int idle = Integer.parseInt(words[9]);
    if (idle > 0) {
      Thread.sleep(idle);
      echoAll(outputs, inputs, 1000);
    }
    System.out.println("echoed");
    if (words[11].equals("true")) Thread.sleep(600_000);
    List<Integer> statuses = new ArrayList<>();
    for (int at = 0; at < channels.size(); at++) {
      inputs.get(at).close();
      while (outputs.get(at).read() >= 0) continue;
      while (!channels.get(at).isClosed()) Thread.sleep(10);
      statuses.add(channels.get(at).getExitStatus());
    }
    session.disconnect();
    System.out.println("statuses " + statuses);
    System.exit(0);
  }

  private static void echoAll(List<InputStream> outputs, List<OutputStream> inputs, int bytes)
      throws InterruptedException {
    List<Thread> threads = new ArrayList<>();
    for (int at = 0; at < outputs.size(); at++) {
      InputStream output = outputs.get(at);
      OutputStream input = inputs.get(at);
      int seed = at;
      threads.add(start(() -> echo(output, input, bytes, seed)));
    }
    for (Thread thread : threads) thread.join();
  }

  private interface Work {
    void run() throws Exception;
  }

  private static Thread start(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (Exception error) {
                error.printStackTrace();
                System.exit(1);
              }
            });
    thread.start();
    return thread;
  }

  private static void echo(InputStream output, OutputStream input, int bytes, int seed)
      throws Exception {
    byte[] sent = new byte[bytes];
    new Random(seed).nextBytes(sent);
    Thread writer =
        start(
            () -> {
              input.write(sent);
              input.flush();
            });
    byte[] heard = output.readNBytes(bytes);
    writer.join();
    if (!Arrays.equals(heard, sent)) throw new JSchException("other octets came back than were sent");
  }

  private record Answers(String password) implements UserInfo, UIKeyboardInteractive {
    @Override
    public String[] promptKeyboardInteractive(
        String destination, String name, String instruction, String[] prompt, boolean[] echo) {
      String[] answers = new String[prompt.length];
      Arrays.fill(answers, password);
      return answers;
    }

    @Override
    public String getPassphrase() {
      return null;
    }

    @Override
    public String getPassword() {
      return password;
    }

    @Override
    public boolean promptPassword(String message) {
      return true;
    }

    @Override
    public boolean promptPassphrase(String message) {
      return false;
    }

    @Override
    public boolean promptYesNo(String message) {
      return true;
    }

    @Override
    public void showMessage(String message) {}
  }
}
