// Runs mongo-java-server on 127.0.0.1, until standard input closes: `java -cp 'lib/*' Launcher.java <port>`.
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

public class Launcher {
    // The server says 8, and the driver speaks with 9 and later only. What it lacks, it answers with an error of its own.
    private record Spoken() implements MongoVersion {
        public List<Integer> getVersionArray() {
            return List.of(6, 0, 0);
        }

        public int getWireVersion() {
            return 17;
        }
    }

    public static void main(String[] args) throws Exception {
        MemoryBackend backend = new MemoryBackend();
        backend.version(new Spoken());
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", Integer.parseInt(args[0]));
        while (System.in.read() != -1) {}
        server.shutdownNow();
        System.exit(0);
    }
}
