import com.jcraft.jsch.Channel;
import com.jcraft.jsch.ChannelSubsystem;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import java.io.InputStream;
import java.io.OutputStream;

/** A client on JSch 0.1.55 that takes host keys by RSA and SHA-1 alone; sends standard input to netconf and prints as much. */
public final class OldJsch {
    public static void main(String[] args) throws Exception {
        JSch jsch = new JSch();
        Session session = jsch.getSession(args[2], args[0], Integer.parseInt(args[1]));
        session.setConfig("StrictHostKeyChecking", "no");
        session.setConfig("server_host_key", "ssh-rsa");
        if (args[3].startsWith("/")) {
            session.setConfig("PreferredAuthentications", "publickey");
            jsch.addIdentity(args[3]);
        } else {
            session.setConfig("PreferredAuthentications", "password");
            session.setPassword(args[3]);
        }
        session.connect(20000);
        ChannelSubsystem channel = (ChannelSubsystem) session.openChannel("subsystem");
        channel.setSubsystem("netconf");
        InputStream from = channel.getInputStream();
        OutputStream to = channel.getOutputStream();
        ((Channel) channel).connect(20000);
        byte[] sent = System.in.readAllBytes();
        to.write(sent);
        to.flush();
        System.out.write(from.readNBytes(sent.length));
        System.out.flush();
        session.disconnect();
        System.exit(0);
    }
}
