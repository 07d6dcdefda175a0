"""The load of benchmarks/harness.py as a resources server of NeMo Gym."""

from nemo_gym.base_resources_server import BaseVerifyRequest, BaseVerifyResponse, SimpleResourcesServer


class GuessVerifyRequest(BaseVerifyRequest):
    """A response with the right answer of its row."""

    answer: str


class GuessResourcesServer(SimpleResourcesServer):
    """Rewards the right guess."""

    async def verify(self, body: GuessVerifyRequest) -> BaseVerifyResponse:
        """Whether the guess was right."""
        right = body.response.output_text.strip() == body.answer
        return BaseVerifyResponse(**body.model_dump(), reward=float(right))


if __name__ == "__main__":
    GuessResourcesServer.run_webserver()
