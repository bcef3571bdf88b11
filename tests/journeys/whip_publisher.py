"""FFmpeg's WHIP muxer through PyAV, as a program: it blocks its interpreter, so it cannot live in the test's.

whip_publisher.py URL TOKEN SECONDS [FRAMES BETWEEN KEY FRAMES]
"""

from __future__ import annotations

import sys
import time

import av
import numpy as np

URL, TOKEN, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
GROUP = sys.argv[4] if len(sys.argv) > 4 else "30"
WIDTH, HEIGHT, RATE = 640, 360, 30


def main() -> None:
    container = av.open(URL, "w", format="whip", options={"authorization": TOKEN})
    video = container.add_stream(
        "libx264", rate=RATE, options={"profile": "baseline", "preset": "ultrafast", "tune": "zerolatency", "g": GROUP}
    )
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    audio = container.add_stream("libopus", rate=48000, layout="stereo")
    silence = np.zeros((1, 2 * 960), np.int16)
    began = time.monotonic()
    spoken = 0
    for number in range(int(SECONDS * RATE)):
        picture = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
        picture[:HEIGHT] = 60 + (4 * number) % 150
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        container.mux(video.encode(frame))
        while spoken * 960 / 48000 < number / RATE:
            sound = av.AudioFrame.from_ndarray(silence, format="s16", layout="stereo")
            sound.sample_rate, sound.pts = 48000, spoken * 960
            container.mux(audio.encode(sound))
            spoken += 1
        time.sleep(max(0.0, began + number / RATE - time.monotonic()))
    container.close()


main()
