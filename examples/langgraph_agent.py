r"""A LangGraph agent with memory and a tool, on the leaderboard next to the classical ones.

    pip install 'infraray[langgraph]' openai
    OPENAI_BASE_URL=http://localhost:8000/v1 OPENAI_API_KEY=none MODEL=my-model \
        infraray run --scenario load_balance --agent graph:examples/langgraph_agent.py:graph --seeds 3

The model may call the calculator as often as the graph's limit allows before it answers. The checkpointer keeps each
episode's conversation, so the model sees what it did before.
"""

import json
import os

from langchain_core.messages import AIMessage, convert_to_openai_messages
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai import AsyncOpenAI

REMEMBERED = 20
"""Number of messages that the model sees besides the task."""


@tool
def completion_time(work_left: float, job_size: float, rate: float) -> float:
    """Seconds that a server of this rate takes for a job of this size."""
    return (work_left + job_size) / rate


CALCULATOR = {
    "type": "function",
    "function": {
        "name": completion_time.name,
        "description": completion_time.description,
        "parameters": completion_time.tool_call_schema.model_json_schema(),
    },
}


async def ask_model(state: MessagesState) -> MessagesState:
    """One request to the model, with the task and the latest messages."""
    task, *history = convert_to_openai_messages(state["messages"])
    latest = history[-REMEMBERED:]
    while latest and latest[0]["role"] == "tool":  # servers reject a tool's answer without its call
        latest.pop(0)
    async with AsyncOpenAI() as client:
        answer = await client.chat.completions.create(
            model=os.environ.get("MODEL", "default"), messages=[task, *latest], tools=[CALCULATOR], temperature=0
        )
    message, usage = answer.choices[0].message, answer.usage
    calls = [
        {"id": call.id, "name": call.function.name, "args": json.loads(call.function.arguments), "type": "tool_call"}
        for call in message.tool_calls or ()
    ]
    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    return {"messages": [AIMessage(message.content or "", tool_calls=calls, usage_metadata=counts)]}


def build():
    """Alternates between model and tools until the model answers without a tool."""
    builder = StateGraph(MessagesState)
    builder.add_node("model", ask_model)
    builder.add_node("tools", ToolNode([completion_time]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=InMemorySaver())


graph = build()
